/** A provider of an operator's own file, which an entry of `providers.yaml` names, and members that an entry overrides. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { parse } from 'yaml';
import { cataloguePath } from '../../../src/providers/catalogue/read-file';
import { ConfiguredProviders } from '../../../src/providers/config/configured-providers';
import { readProvider } from '../../../src/providers/config/provider-entry';
import { readProviders } from '../../../src/providers/config/providers-file';

const TEMPLATE = readFileSync(join(__dirname, '../../../providers/xero.yaml'), 'utf8');
/** A provider that the catalogue does not have. */
const ACME = TEMPLATE.replace('id: xero', 'id: acme')
  .replaceAll('name: Xero', 'name: Acme')
  .replaceAll('identity.xero.com', 'login.acme.example');

/** An input whose value can be any host. */
const INPUT = {
  inputs: { shop: { label: 'Shop', pattern: '^.+$', example: 'a.example', host: true } },
};

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evergrant-own-file-'));
  mkdirSync(join(folder, 'own'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Reads `providers.yaml` with one entry. */
function read(entry: readonly string[]) {
  const file = join(folder, 'providers.yaml');
  const lines = ['clientId: app-1', 'clientSecret: secret-1', ...entry];
  writeFileSync(file, ['providers:', '  crm:', ...lines.map((line) => `    ${line}`)].join('\n'));
  const problems: string[] = [];
  const { providers } = readProviders({ PROVIDERS_FILE: file }, null, problems);
  return { provider: new ConfiguredProviders(providers).find('crm'), problems };
}

it('configures a provider, and counts the path from the folder of providers.yaml', () => {
  writeFileSync(join(folder, 'own/acme.yaml'), ACME);
  const { provider, problems } = read(['file: own/acme.yaml', 'refreshBefore: 9m']);
  expect(problems).toEqual([]);
  expect(provider?.adapter).toMatchObject({ id: 'acme', displayName: 'Acme' });
  expect(provider?.policy.refreshBeforeMs).toBe(9 * 60_000);
  expect(provider?.environments.get('production')?.tokenEndpoint.shown({ externalId: 'a' })).toBe(
    'https://login.acme.example/connect/token',
  );
});

it('takes precedence over a file of the catalogue with the same id', () => {
  writeFileSync(join(folder, 'xero.yaml'), TEMPLATE.replace('name: Xero', 'name: Our Xero'));
  const { provider, problems } = read(['file: xero.yaml']);
  expect(problems).toEqual([]);
  expect(provider?.adapter.displayName).toBe('Our Xero');
});

it.each([
  ['that does not exist', null, 'file: own/acme.yaml', /the file: cannot be read: it does not/],
  [
    'that is not valid',
    ACME.replace('access: 30m', 'access: 30'),
    'file: own/acme.yaml',
    /^providers\.crm\.file: own\/acme\.yaml is not a valid provider file; "evergrant providers check own\/acme\.yaml" explains: lives\.access: must be/,
  ],
  ['with another name', ACME, 'file: own/other.yaml', /id: must be other, the name of the file/],
  ['beside an adapter', ACME, 'file: own/acme.yaml\n    adapter: xero', /\.file: remove adapter/],
])('refuses a file %s', (_name, text, entry, problem) => {
  const [, name = ''] = /file: (\S+)/.exec(entry) ?? [];
  if (text !== null) writeFileSync(join(folder, name), text);
  const { provider, problems } = read([entry]);
  expect(provider).toBeUndefined();
  expect(problems).toEqual([expect.stringMatching(problem)]);
});

describe('an entry that overrides members of the provider file', () => {
  const over = (members: object) => `override: ${JSON.stringify(members)}`;

  it('replaces values and lists, merges maps, and removes members by null', () => {
    const { provider, problems } = read([
      'adapter: xero',
      over({
        rotation: 'never',
        replay: 'safe',
        lives: { access: '20m', refresh: null },
        token: { parameters: { tenant: 'a' }, clientAuthentication: ['client_secret_post'] },
        authorization: { parameters: { prompt: 'login' }, scopes: { default: ['own'] } },
        errors: { codes: { odd_code: 'invalid_grant' } },
        revocation: null,
      }),
    ]);
    expect(problems).toEqual([]);
    expect(provider).toMatchObject({
      accessTokenLifeSeconds: 20 * 60,
      refreshTokenLifeSeconds: null,
      replayRule: { kind: 'safe' },
      revocation: { kind: 'not_supported' },
      consent: { defaultScopes: ['own'], parameters: { prompt: 'login' } },
      adapter: { id: 'xero', clientAuthenticationMethods: ['client_secret_post'] },
    });
    expect(provider?.adapter.failureCodes).toMatchObject({ odd_code: 'invalid_grant' });
    const { tokenEndpoint } = provider?.environments.get('production') ?? {};
    expect(tokenEndpoint?.shown({ externalId: 'a' })).toBe(
      'https://identity.xero.com/connect/token',
    );
  });

  it('changes no other entry, and leaves the facts that the catalogue shows', () => {
    const { provider } = read(['adapter: xero', over({ name: 'Our Xero' })]);
    expect(provider?.adapter).toMatchObject({ displayName: 'Our Xero', file: { name: 'Xero' } });
    expect(read(['adapter: xero']).provider?.adapter.displayName).toBe('Xero');
  });

  it('can name a file, a request with another body, and another place of the identity', () => {
    writeFileSync(join(folder, 'own/acme.yaml'), ACME);
    const identity = { from: 'answer', subject: 'user.id' };
    const { provider, problems } = read([
      'file: own/acme.yaml',
      over({ identity, token: { url: 'https://eu.acme.example/token', body: 'json' } }),
    ]);
    expect(problems).toEqual([]);
    expect(provider?.consent?.subject).toEqual({ kind: 'answer', path: 'user.id' });
    expect(provider?.environments.get('production')?.tokenEndpoint.shown({ externalId: 'a' })).toBe(
      'https://eu.acme.example/token',
    );
  });

  it('is less than a setting of the entry', () => {
    const { provider } = read(['adapter: xero', 'replay: never', over({ replay: 'safe' })]);
    expect(provider?.replayRule).toEqual({ kind: 'never' });
  });

  it.each([
    ['an unknown member', { rotatoin: 'never' }, 'rotatoin: the file has no such member'],
    ['an unknown value', { rotation: 'seldom' }, 'rotation: must be never, sometimes or always'],
    ['a member that must exist', { token: { url: null } }, 'token.url: is missing'],
    ['facts that exclude each other', { lives: { access: 'endless' } }, 'renewal: is none if'],
    ['an input that accepts another host', INPUT, 'inputs.shop.pattern: accepts another host'],
    ['the id', { id: 'other' }, 'id: cannot be overridden; remove it, or copy'],
    ['the sources', { sources: {} }, 'sources: cannot be overridden'],
    ['the examples', { examples: null }, 'examples: cannot be overridden'],
  ])('is refused with %s, by the name of the member', (_title, members, problem) => {
    const { provider, problems } = read(['adapter: xero', over(members)]);
    expect(provider).toBeUndefined();
    expect(problems).toEqual([expect.stringContaining(`providers.crm.override.${problem}`)]);
  });

  it.each([
    ['without a provider file', over({ rotation: 'never' }), 'oauth2 is none; set the members of'],
    ['that is no map', 'override: never', 'must be a map of members of the provider file'],
  ])('is refused %s', (_title, line, problem) => {
    const token = 'tokenEndpoint: https://as.example.com/token';
    const { problems } = read(['adapter: oauth2', token, line]);
    expect(problems).toEqual([expect.stringContaining('providers.crm.override: ')]);
    expect(problems[0]).toContain(problem);
  });

  it('is a provider, or is refused by the name of the override, whatever it states', () => {
    const names = 'token authorization answer lives identity errors revocation validation';
    const member = fc.constantFrom(...names.split(' '));
    const ofFile = fc
      .tuple(fc.constantFrom('google', 'shopify', 'meta', 'zoho', 'slack', 'instagram'), member)
      .map(
        ([id, name]) =>
          [name, parse(readFileSync(cataloguePath(id), 'utf8'))[name] ?? null] as const,
      );
    const random = fc.tuple(
      fc.oneof(member, fc.constantFrom('rotation', 'inputs', 'x')),
      fc.anything(),
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(ofFile, random), { maxLength: 3 }), (members) => {
        const problems: string[] = [];
        const client = { clientId: 'app-1', clientSecret: 'secret-1' };
        const override = Object.fromEntries(members);
        const config = readProvider('xero', { ...client, override }, null, problems);
        const provider = config && new ConfiguredProviders([config]).find('xero');
        expect(provider === null).toBe(problems.length > 0);
        for (const problem of problems)
          expect(problem).toMatch(/^providers\.xero(\.override\.|: the environment)/);
      }),
      { numRuns: 300 },
    );
  });

  it('is proposed for a member of provider files that an entry states', () => {
    expect(read(['adapter: xero', 'rotation: never', 'lives: {access: 20m}']).problems).toEqual([
      'providers.crm.rotation: is a member of provider files; move it into override',
      'providers.crm.lives: is a member of provider files; move it into override',
    ]);
  });
});
