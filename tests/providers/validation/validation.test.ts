/** Every registered adapter validates access tokens as its provider documents, and reads the responses accordingly. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { Secret } from '../../../src/domain/masking/secret';
import { adapterIds, findAdapter } from '../../../src/providers/adapters/registry';
import { catalogueIds } from '../../../src/providers/catalogue/read-file';
import { ConfiguredProviders } from '../../../src/providers/config/configured-providers';
import type { EnvironmentConfig } from '../../../src/providers/config/provider-entry';
import { defaultPolicy } from '../../../src/providers/config/providers-file';
import { createTransport } from '../../../src/providers/exchange/transport';
import {
  type Validation,
  validateAccessToken,
} from '../../../src/providers/validation/token-validation';
import { stopProviders } from '../_provider';

const CLIENT = { clientId: 'client-0a1b2c', clientSecret: 'secret-PLANTED-6a7b8c9d0e1f2a3b' };
const TOKEN = 'access-PLANTED-4c5d6e7f8a9b0c1d2e3f4a5b6c7d8e9f';
const SHOP = 'lantern-lane.myshopify.com';
const bearer = { authorization: `Bearer ${TOKEN}` };

type Read = [status: number, body: unknown, verdict: string, code: string | null];

/** Applies unless the case says otherwise. */
const COMMON: Read[] = [
  [200, {}, 'valid', null],
  [429, {}, 'unknown', 'rate_limited'],
  [500, {}, 'unknown', 'provider_unavailable'],
  [503, '<html>Service Unavailable</html>', 'unknown', 'provider_unavailable'],
  [404, {}, 'unknown', 'provider_unavailable'],
  [302, {}, 'unknown', 'provider_unavailable'],
];

interface ValidationCase {
  /** The documented URL. `null`: there is none until one is configured. */
  address: string | null;
  method: 'GET' | 'POST';
  headers: Record<string, string>;
  body: string;
  reads: Read[];
}

const refused: Read[] = [
  [401, {}, 'invalid', 'access_token_refused'],
  [403, {}, 'invalid', 'access_token_refused'],
];
const CASES: Record<string, ValidationCase> = {
  ebay: {
    address: 'https://apiz.ebay.com/commerce/identity/v1/user/',
    method: 'GET',
    headers: bearer,
    body: '',
    reads: [
      [401, { errors: [{ errorId: 1001 }] }, 'invalid', 'access_token_refused'],
      [403, { errors: [{ errorId: 1100 }] }, 'unknown', 'validation_inconclusive'],
    ],
  },
  etsy: {
    address: 'https://api.etsy.com/v3/application/users/me',
    method: 'GET',
    headers: { ...bearer, 'x-api-key': `${CLIENT.clientId}:${CLIENT.clientSecret}` },
    body: '',
    reads: [
      [401, { error: 'invalid_token' }, 'invalid', 'access_token_refused'],
      [401, { error: 'Invalid API key' }, 'unknown', 'validation_inconclusive'],
      [403, { error: 'Shared secret is required' }, 'unknown', 'validation_inconclusive'],
    ],
  },
  shopify: {
    address: `https://${SHOP}/admin/api/2026-10/graphql.json`,
    method: 'POST',
    headers: { 'x-shopify-access-token': TOKEN, 'content-type': 'application/json' },
    body: '{"query":"{ shop { id } }"}',
    reads: [
      ...refused,
      [402, {}, 'unknown', 'provider_unavailable'],
      [423, {}, 'unknown', 'provider_unavailable'],
    ],
  },
  google: {
    address: 'https://oauth2.googleapis.com/tokeninfo',
    method: 'POST',
    headers: bearer,
    body: '',
    reads: [
      [400, { error: 'invalid_token' }, 'invalid', 'access_token_refused'],
      [400, { error: 'invalid_request' }, 'unknown', 'provider_unavailable'],
    ],
  },
  microsoft: {
    address: 'https://graph.microsoft.com/oidc/userinfo',
    method: 'GET',
    headers: bearer,
    body: '',
    reads: [
      [401, { error: { code: 'InvalidAuthenticationToken' } }, 'invalid', 'access_token_refused'],
      [401, { error: { message: 'Invalid audience.' } }, 'unknown', 'validation_inconclusive'],
      [403, {}, 'unknown', 'validation_inconclusive'],
    ],
  },
  oauth2: { address: null, method: 'GET', headers: bearer, body: '', reads: refused },
};

interface Arrived {
  method: string | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

let arrived: Arrived[] = [];
let answered: { status: number; body: string; headers?: Record<string, string> };
let url: string;
const server = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => {
    body += String(chunk);
  });
  request.once('end', () => {
    arrived.push({ method: request.method, headers: request.headers, body });
    response.writeHead(answered.status, answered.headers).end(answered.body);
  });
});
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/ask`;
});
beforeEach(() => {
  arrived = [];
  answered = { status: 200, body: '{}' };
});
afterEach(stopProviders);
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function environmentOf(adapter: string, config: Partial<EnvironmentConfig>) {
  const clientSecret = new Secret(CLIENT.clientSecret);
  const own = { ...CLIENT, clientSecret, tokenEndpoint: 'https://as.example/token', ...config };
  const environments = { production: own };
  const providers = new ConfiguredProviders([
    { id: 'it', adapter, policy: defaultPolicy(adapter, null), environments },
  ]);
  const environment = providers.find('it')?.environments.get('production');
  if (environment === undefined) throw new Error('no environment');
  return environment;
}

function ask(adapter: string, config: Partial<EnvironmentConfig>): Promise<Validation> {
  return validateAccessToken(
    {
      environment: environmentOf(adapter, config),
      account: { externalId: SHOP },
      accessToken: new Secret(TOKEN),
      capture: true,
    },
    { transport: createTransport(), now: () => new Date() },
  );
}

const asText = (body: unknown) => (typeof body === 'string' ? body : JSON.stringify(body));

it('has a case for every adapter that is code', () => {
  const coded = adapterIds().filter((id) => !catalogueIds().includes(id));
  expect(Object.keys(CASES)).toEqual(expect.arrayContaining(coded));
});

describe.each(Object.entries(CASES))('the adapter %s', (id, of) => {
  it('R3.5 presents the token once, as its provider documents', async () => {
    await ask(id, { validationEndpoint: url });
    expect(arrived).toHaveLength(1);
    const [request] = arrived;
    expect(request).toMatchObject({ method: of.method, headers: of.headers, body: of.body });
    expect(JSON.stringify(request).split(TOKEN)).toHaveLength(2);
  });

  it('sends to the documented address by HTTPS', () => {
    const template = findAdapter(id)?.validation?.endpoints['production'];
    const config = template === undefined ? {} : { validationEndpoint: template };
    const { validation } = environmentOf(id, config);
    expect(validation?.shown({ externalId: SHOP }) ?? null).toBe(of.address);
  });

  it.each([...COMMON, ...of.reads])(
    'classifies %i %j as: %s (%s)',
    async (status, body, verdict, code) => {
      answered = { status, body: asText(body), headers: { location: url } };
      const result = await ask(id, { validationEndpoint: url });
      expect({ verdict: result.verdict, code: result.failure?.code ?? null }).toEqual({
        verdict,
        code,
      });
      // A redirect is not followed, so that the token is sent to one URL only.
      expect(arrived).toHaveLength(1);
    },
  );

  it('shows no secret, even if the provider repeats it', async () => {
    for (const status of [200, 400, 401, 500]) {
      const echo = `${TOKEN} ${CLIENT.clientSecret}`;
      answered = {
        status,
        body: asText({ error: echo, [echo]: echo }),
        headers: { 'x-echo': echo },
      };
      expect(JSON.stringify(await ask(id, { validationEndpoint: url }))).not.toContain('PLANTED');
    }
  });
});

describe('introspection (RFC 7662)', () => {
  const introspect = (status: number, body: unknown) => {
    answered = { status, body: asText(body), headers: { 'content-type': 'application/json' } };
    return ask('oauth2', { introspectionEndpoint: url });
  };

  it('R3.5 sends the token and the client authentication as a form', async () => {
    await introspect(200, { active: true });
    const [request] = arrived;
    expect(request?.method).toBe('POST');
    expect(request?.headers.authorization).toMatch(/^Basic /);
    expect(Object.fromEntries(new URLSearchParams(request?.body))).toEqual({
      token: TOKEN,
      token_type_hint: 'access_token',
    });
  });

  it.each<Read>([
    [200, { active: true }, 'valid', null],
    [200, { active: false }, 'invalid', 'access_token_refused'],
    [200, {}, 'unknown', 'validation_inconclusive'],
    [200, '<html>', 'unknown', 'validation_inconclusive'],
    [401, { error: 'invalid_client' }, 'unknown', 'invalid_client'],
    [
      403,
      { error: 'invalid_request', error_description: 'Client not allowed' },
      'unknown',
      'validation_not_allowed',
    ],
    [400, { error: 'unauthorized_client' }, 'unknown', 'validation_not_allowed'],
    [500, {}, 'unknown', 'provider_unavailable'],
    [429, {}, 'unknown', 'rate_limited'],
  ])('classifies %i %j as: %s (%s)', async (status, body, verdict, code) => {
    const result = await introspect(status, body);
    expect({ verdict: result.verdict, code: result.failure?.code ?? null }).toEqual({
      verdict,
      code,
    });
    expect(JSON.stringify(result)).not.toContain('PLANTED');
  });
});

it('reports a refused public client as not allowed to introspect', async () => {
  answered = { status: 401, body: asText({ error: 'invalid_client' }), headers: {} };
  const result = await ask('oauth2', {
    introspectionEndpoint: url,
    clientAuthentication: 'none',
  });
  expect(result).toMatchObject({
    verdict: 'unknown',
    outcome: 'rejected',
    failure: { code: 'validation_not_allowed', class: 'ours' },
  });
});

describe('a validation at any provider', () => {
  it('is not supported if no validation request is known', async () => {
    const result = await ask('oauth2', {});
    expect(result).toMatchObject({
      verdict: 'unknown',
      outcome: 'not_sent',
      failure: { code: 'validation_not_supported', message: expect.stringMatching(/Configure/) },
    });
  });

  it('R2.3 has the verdict unknown if nothing was sent', async () => {
    const nobody = createServer();
    nobody.listen(0, '127.0.0.1');
    await once(nobody, 'listening');
    const address = nobody.address();
    const port = typeof address === 'object' ? address?.port : 0;
    nobody.close();
    await once(nobody, 'close');
    const result = await ask('shopify', { validationEndpoint: `http://127.0.0.1:${port}/` });
    expect(result).toMatchObject({
      verdict: 'unknown',
      outcome: 'not_sent',
      failure: { code: 'provider_unreachable', class: 'provider' },
    });
  });

  it('sends no token to a host that is not a shop', async () => {
    const result = await validateAccessToken(
      {
        environment: environmentOf('shopify', {
          validationEndpoint: findAdapter('shopify')?.validation?.endpoints['production'] ?? '',
        }),
        account: { externalId: 'evil.example/shop.myshopify.com' },
        accessToken: new Secret(TOKEN),
        capture: false,
      },
      { transport: createTransport(), now: () => new Date() },
    );
    expect(result).toMatchObject({ failure: { code: 'account_address_invalid' }, response: null });
  });

  it('reads at most 64 kB of an answer', async () => {
    answered = { status: 200, body: 'x'.repeat(200_000) };
    expect(await ask('google', { validationEndpoint: url })).toMatchObject({ verdict: 'valid' });
  });
});
