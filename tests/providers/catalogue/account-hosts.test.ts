/** Hosts that a callback or an answer names: tokens go to them only if the file's pattern matches. */
import { Secret } from '../../../src/domain/masking/secret';
import { consentWith, refreshWith } from '../../../src/providers/catalogue/example-exchange';
import { ConfiguredProviders } from '../../../src/providers/config/configured-providers';
import { readProvider } from '../../../src/providers/config/provider-entry';
import { revokeToken } from '../../../src/providers/consent/revocation';
import type { TransportRequest } from '../../../src/providers/exchange/transport';
import { validateAccessToken } from '../../../src/providers/validation/token-validation';
import { adapterWith } from './_invented';

jest.mock(
  '../../../src/providers/adapters/registry',
  () => jest.requireActual<{ registry: object }>('./_invented').registry,
);

const host = '^accounts\\.as\\.example\\.(com|eu)$';
const file = {
  authorization: {
    url: 'https://as.example.com/authorize',
    keep: { server: { pattern: '^https://[a-z.]+$', host } },
  },
  token: {
    url: 'https://{server|accounts.as.example.com}/token',
    clientAuthentication: ['client_secret_post'],
  },
  revocation: { url: 'https://{server|accounts.as.example.com}/revoke', effect: 'It ends.' },
  validation: { url: 'https://{server|accounts.as.example.com}/me' },
};
const EU = { server: 'https://accounts.as.example.eu' };
const answer = { access_token: 'at-1', refresh_token: 'rt-2', token_type: 'bearer' };

function environmentWith(entry: object) {
  const problems: string[] = [];
  const own = { adapter: 'invented', clientId: 'a', clientSecret: 'b', ...entry };
  const config = readProvider('it', own, null, problems);
  expect(problems).toEqual([]);
  const provider = config === null ? undefined : new ConfiguredProviders([config]).find('it');
  const environment = provider?.environments.get('production');
  if (environment === undefined) throw new Error('no environment');
  return environment;
}

/** The URLs to which a revocation and a validation are sent. */
async function sentFor(providerValues: Record<string, string>, entry: object = {}) {
  const environment = environmentWith(entry);
  const sent: string[] = [];
  const transport = {
    send: async ({ url }: TransportRequest) => {
      sent.push(url);
      return { status: 200, headers: [], body: '{}', compressed: null, cut: null };
    },
  };
  const account = { externalId: 'x', providerValues };
  const deps = { transport, now: () => new Date() };
  const token = new Secret('rt-1');
  const revocation = await revokeToken(
    { ...account, environment, token, hint: 'refresh_token' },
    deps,
  );
  const accessToken = new Secret('at-1');
  await validateAccessToken({ environment, account, accessToken, capture: false }, deps);
  return { sent, revocation };
}

describe('a host that the callback names', () => {
  it('gets the code, and later refreshes, revocations and validations', async () => {
    const adapter = adapterWith(file);
    const consent = await consentWith(adapter, { code: 'code-1', ...EU }, { body: answer });
    expect(consent.sent.map(({ url }) => url)).toEqual(['https://accounts.as.example.eu/token']);
    expect(consent.grant?.providerValues).toEqual(EU);
    const options = { providerValues: EU };
    const { request } = await refreshWith(adapter, { body: answer }, options);
    expect(request?.url).toBe('https://accounts.as.example.eu/token');
    expect((await sentFor(EU)).sent).toEqual([
      'https://accounts.as.example.eu/revoke',
      'https://accounts.as.example.eu/me',
    ]);
  });

  it('is that of the file if the callback names none', async () => {
    const adapter = adapterWith(file);
    const { sent } = await consentWith(adapter, { code: 'code-1' }, { body: answer });
    expect(sent.map(({ url }) => url)).toEqual(['https://accounts.as.example.com/token']);
  });

  it.each([
    'https://evil.example',
    'https://accounts.as.example.evil.example',
    'https://accounts.as.example.com.evil.example',
    'https://accounts.as.example.com/path',
    'https://accounts.as.example.com@evil.example',
    'http://accounts.as.example.com',
    'accounts.as.example.com#evil.example',
  ])('is refused before the code is sent if it is %s', async (server) => {
    const callback = { code: 'code-1', server };
    const { outcome, sent } = await consentWith(adapterWith(file), callback, { body: answer });
    expect(outcome).toMatchObject({ kind: 'failed', failure: 'provider_refused' });
    expect(sent).toEqual([]);
  });

  it('gets no token if the stored value does not match the pattern', async () => {
    const adapter = adapterWith(file);
    const values = { server: 'https://evil.example' };
    const options = { providerValues: values };
    const { failure, sent } = await refreshWith(adapter, { body: answer }, options);
    expect(failure?.code).toBe('account_address_invalid');
    expect(sent).toEqual([]);
    const later = await sentFor(values);
    expect(later.sent).toEqual([]);
    expect(later.revocation.result).toBe('unknown');
  });
});

describe('a configured token endpoint', () => {
  const entry = { tokenEndpoint: 'https://other.example.com/token' };

  it('gets the refreshes of an account with a host of the file', async () => {
    const options = { providerValues: EU, entry };
    const { request } = await refreshWith(adapterWith(file), { body: answer }, options);
    expect(request?.url).toBe('https://other.example.com/token');
  });

  it('sends no token to the revocation and validation of the file', async () => {
    adapterWith(file);
    const { sent, revocation } = await sentFor(EU, entry);
    expect(sent).toEqual([]);
    expect(revocation.result).toBe('not_supported');
  });
});

describe('a host that the answer names', () => {
  const base = { path: 'api_base', host: '^[a-z]+\\.api\\.example$' };
  const own = {
    answer: { keep: [base] },
    identity: { from: 'request', url: 'https://{api_base}/me', subject: 'id' },
  };

  it('gets the request for the identity', async () => {
    const body = { ...answer, api_base: 'https://acme.api.example', id: 'U1' };
    const { sent, outcome } = await consentWith(adapterWith(own), { code: 'code-1' }, { body });
    expect(sent.map(({ url }) => url)).toEqual([
      'https://as.example.com/token',
      'https://acme.api.example/me',
    ]);
    expect(outcome).toMatchObject({ subject: { value: 'U1' } });
  });

  it.each([{ api_base: 'https://evil.example' }, {}])(
    'gets none with %j, and the grant is kept',
    async (stated) => {
      const body = { ...answer, ...stated };
      const { sent, outcome } = await consentWith(adapterWith(own), { code: 'code-1' }, { body });
      expect(sent).toHaveLength(1);
      expect(outcome).toMatchObject({ kind: 'granted', subject: null });
    },
  );
});

describe('a host that the answer to a refresh names', () => {
  const base = { path: 'api_base', host: '^[a-z]+\\.api\\.example$' };
  const own = { answer: { keep: [base, 'team'] } };
  const refreshed = (api_base: string) =>
    refreshWith(adapterWith(own), { body: { ...answer, api_base, team: 'T1' } });

  it('replaces the former one if it matches the pattern', async () => {
    const { grant } = await refreshed('https://other.api.example');
    expect(grant?.providerValues).toEqual({ api_base: 'https://other.api.example', team: 'T1' });
  });

  it.each(['https://evil.example', 'http://other.api.example', ''])(
    'leaves the former one in place with a warning if it is %j',
    async (stated) => {
      const { grant, warnings, failure } = await refreshed(stated);
      expect(failure).toBeNull();
      expect(grant?.providerValues).toEqual({ team: 'T1' });
      expect(warnings).toContainEqual(expect.stringContaining('ignored api_base'));
    },
  );
});

describe('a file', () => {
  const keep = (pattern: string) => ({
    ...file,
    authorization: {
      ...file.authorization,
      keep: { server: { pattern: '^https://[a-z.]+$', host: pattern } },
    },
  });
  it.each([
    ['with a wide pattern of a host', keep('^[a-z.]+$'), /server\.host: accepts another host/],
    [
      'with a pattern that accepts any end',
      keep('^accounts\\.as\\.[a-z.]+$'),
      /server\.host: accepts another host/,
    ],
    [
      'whose host for other accounts does not match',
      keep('^accounts\\.as\\.example\\.eu$'),
      /does not match the host of server/,
    ],
    [
      'whose token URL has no host for other accounts',
      { ...file, token: { ...file.token, url: 'https://{server}/token' } },
      /needs a host for accounts without this value/,
    ],
    [
      'whose authorization URL has a kept host',
      {
        ...file,
        authorization: { ...file.authorization, url: 'https://{server|accounts.as.example.com}/a' },
      },
      /is not known before the consent/,
    ],
    [
      'with a name that nothing states',
      { ...file, validation: { url: 'https://{other}/me' } },
      /neither an input with host: true nor a kept host/,
    ],
  ])('%s is not valid', (_name, members, problem) => {
    expect(() => adapterWith(members)).toThrow(problem);
  });

  const shop = (url: string, pattern: string, example: string) => ({
    inputs: { shop: { label: 'Shop', pattern, example, host: true, externalId: true } },
    token: { ...file.token, url },
  });
  it.each([
    ['https://{shop}/t', '^[a-z]+\\.(com|net)$', 'acme.com'],
    ['https://{shop}/t', '^[a-z-]+$', 'acme'],
    ['https://{shop}/t', '^[0-9]+$', '12'],
    ['https://{shop}/t', '^[0-9.]+$', '1.2.3.4'],
    ['https://{shop}/t', '^[a-z]+example\\.com$', 'acmeexample.com'],
    ['https://{shop}/t', '^[a-z]+\\.co\\.uk$', 'acme.co.uk'],
    ['https://{shop}/t', '^[a-z]+(\\.example\\.com)?$', 'acme.example.com'],
    ['https://{shop}/t', '^[a-z]+\\.example\\.com|b$', 'acme.example.com'],
    ['https://{shop}:8443/t', '^[a-z-]+$', 'acme'],
    ['https://{shop}.com/t', '^[a-z]+$', 'acme'],
    ['https://{shop}shop.com/t', '^[a-z]+$', 'acme'],
    ['https://{shop}.co.uk', '^[a-z]+$', 'acme'],
    ['https://api.{shop}/t', '^[a-z]+\\.[a-z]+$', 'acme.com'],
  ])('with %s and the pattern %s is not valid', (url, pattern, example) => {
    expect(() => adapterWith(shop(url, pattern, example))).toThrow(
      /inputs\.shop\.pattern: (accepts another host|accepts hosts of several|the address .* has no fixed domain)/,
    );
  });

  it.each([
    ['https://{shop}/t', '^[a-z]+\\.example\\.com$', 'acme.example.com'],
    ['https://{shop}/t', '^(?:[a-z]+\\.)?example\\.(?:com|de|co\\.uk)$', 'example.co.uk'],
    ['https://{shop}/t', '^(eu|us)-[0-9]{1,3}\\.example\\.com$', 'eu-1.example.com'],
    ['https://{shop}.example.com/t', '^[a-z-]+$', 'acme'],
    ['https://api.{shop}.example.co.uk:8443', '^[a-z]{2,}$', 'eu'],
    ['https://example.com/{shop}/t', '^[a-z]+$', 'acme'],
  ])('with %s and the pattern %s is valid', (url, pattern, example) => {
    expect(() => adapterWith(shop(url, pattern, example))).not.toThrow();
  });
});
