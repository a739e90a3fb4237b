/** The readers of other systems' exports, with malformed input. */
import { IMPORT_SOURCES } from '../../src/cli/import-sources';
import type { ExportedEntry } from '../../src/cli/import-sources/exported-entry';
import { cpuTimeMs } from '../support/cpu-time';

const NOW = new Date('2026-11-29T12:00:00Z');
const SYSTEMS = [...IMPORT_SOURCES.keys()];

function read(system: string, ...values: unknown[]): ExportedEntry[] {
  const source = IMPORT_SOURCES.get(system);
  if (source === undefined) throw new Error(`no ${system}`);
  return source.read(
    values.map((value) => ({ file: 'export.json', value })),
    NOW,
  );
}

/** One valid entry per system; the tests corrupt it. */
const GOOD: Record<string, any> = {
  nango: {
    connection_id: 'c',
    provider_config_key: 'p',
    credentials: { type: 'OAUTH2', refresh_token: 'rt', access_token: 'at', raw: { scope: 's' } },
  },
  n8n: { id: 'c', name: 'n', type: 'p', data: { oauthTokenData: { refresh_token: 'rt' } } },
  airbyte: { sourceId: 'c', configuration: { credentials: { refresh_token: 'rt' } } },
  'google-authorized-user': { account: 'c', refresh_token: 'rt', scopes: ['s'] },
  msal: {
    RefreshToken: { k: { home_account_id: 'c', secret: 'rt', environment: 'e', client_id: 'i' } },
    AccessToken: { k: { home_account_id: 'c', environment: 'e', client_id: 'i', target: 's' } },
    Account: { k: { home_account_id: 'c', environment: 'e', username: 'u' } },
  },
  'django-allauth': [
    { model: 'socialaccount.socialaccount', pk: 1, fields: { uid: 'c', provider: 'p' } },
    { model: 'socialaccount.socialtoken', pk: 1, fields: { account: 1, token_secret: 'rt' } },
  ],
  'python-social-auth': { uid: 'c', provider: 'p', extra_data: { refresh_token: 'rt' } },
  'next-auth': { provider: 'p', providerAccountId: 'c', refresh_token: 'rt' },
  'better-auth': { providerId: 'p', accountId: 'c', refreshToken: 'rt' },
};

const WRONG: unknown[] = [
  null,
  true,
  -1,
  1e308,
  '',
  'x'.repeat(10_000),
  [],
  [[]],
  {},
  JSON.parse('{"__proto__": {"refresh_token": "rt"}, "constructor": "x", "toString": 1}'),
  { $date: { $numberLong: 'x' } },
  { _secret: {} },
];

/** Yields every copy of the value in which one member, at any depth, is replaced. */
function* spoilt(value: unknown, by: unknown): Generator {
  yield by;
  if (typeof value !== 'object' || value === null) return;
  for (const key of Object.keys(value))
    for (const inner of spoilt((value as any)[key], by))
      yield Array.isArray(value)
        ? value.map((one, at) => (String(at) === key ? inner : one))
        : { ...value, [key]: inner };
}

/** Whether the entry is a reason, or an account with members of the expected types. */
function isWhole(entry: ExportedEntry): boolean {
  if ('refusal' in entry) return entry.refusal !== '';
  const { refreshToken, externalId, provider, label, clientId } = entry.account;
  return (
    typeof refreshToken === 'string' &&
    [externalId, provider, label, clientId].every(
      (text) => text === undefined || typeof text === 'string',
    )
  );
}

describe.each(SYSTEMS)('%s', (system) => {
  it('reads a good entry', () => {
    expect(read(system, GOOD[system])).toEqual([
      { name: expect.any(String), account: expect.objectContaining({ refreshToken: 'rt' }) },
    ]);
  });

  it('returns an account or a reason for members of any type', () => {
    let seen = 0;
    for (const wrong of WRONG)
      for (const value of spoilt(GOOD[system], wrong)) {
        seen += 1;
        expect(read(system, value).filter((entry) => !isWhole(entry))).toEqual([]);
      }
    expect(seen).toBeGreaterThan(WRONG.length);
  });

  it('reads no member of a prototype', () => {
    const hidden = JSON.parse(
      `{"__proto__": ${JSON.stringify(GOOD[system])}, "constructor": ${JSON.stringify(GOOD[system])}}`,
    );
    expect(read(system, hidden).filter((entry) => 'account' in entry)).toEqual([]);
    expect(Object.hasOwn(Object.prototype, 'refresh_token')).toBe(false);
  });

  it('reads a value with 100,000 levels as an entry without tokens', () => {
    const depth = 100_000;
    const lists = JSON.parse('['.repeat(depth) + ']'.repeat(depth));
    const objects = JSON.parse('{"data":'.repeat(depth) + '1' + '}'.repeat(depth));
    for (const value of [lists, objects])
      expect(read(system, value).filter((entry) => 'account' in entry)).toEqual([]);
  });

  it('reads 100,000 entries in linear time', () => {
    const many = Array.from({ length: 100_000 }, () => GOOD[system]);
    const startedAt = cpuTimeMs();
    const found =
      system === 'msal' || system === 'django-allauth' ? large(system) : read(system, many);
    expect(found).toHaveLength(100_000);
    expect(found.every((entry) => 'account' in entry)).toBe(true);
    expect(cpuTimeMs() - startedAt).toBeLessThan(20_000);
  });
});

/** Builds entries that are joined with others, each with its own. */
function large(system: string): ExportedEntry[] {
  const numbers = Array.from({ length: 100_000 }, (_, at) => at);
  if (system === 'django-allauth')
    return read(
      system,
      numbers.flatMap((pk) => [
        { model: 'socialaccount.socialaccount', pk, fields: { uid: `u-${pk}`, provider: 'p' } },
        { model: 'socialaccount.socialtoken', pk, fields: { account: pk, token_secret: 'rt' } },
      ]),
    );
  const section = (more: object) =>
    Object.fromEntries(
      numbers.map((at) => [
        `k-${at}`,
        { home_account_id: `c-${at}`, environment: 'e', client_id: 'i', ...more },
      ]),
    );
  return read(system, {
    RefreshToken: section({ secret: 'rt' }),
    AccessToken: section({ secret: 'at', target: 's' }),
    Account: section({ username: 'u' }),
  });
}
