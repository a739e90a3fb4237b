/** Client authentication with any kind of server, and discovery of its token endpoint. */
import { generateKeyPairSync, verify } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { Secret } from '../../../src/domain/masking/secret';
import { ConfiguredProviders } from '../../../src/providers/config/configured-providers';
import type { EnvironmentConfig } from '../../../src/providers/config/provider-entry';
import { defaultPolicy } from '../../../src/providers/config/providers-file';
import { privateKeyProblem } from '../../../src/providers/exchange/client-authentication';
import { exchangeAt, stopProviders } from '../_provider';

interface Arrived {
  path: string;
  authorization: string | undefined;
  form: URLSearchParams;
}

let arrived: Arrived[] = [];
let metadata: (path: string) => { status: number; body: unknown };
let origin: string;

const listener: RequestListener = (request, response) => {
  let body = '';
  request.on('data', (chunk) => {
    body += String(chunk);
  });
  request.once('end', () => {
    const path = request.url ?? '';
    arrived.push({
      path,
      authorization: request.headers.authorization,
      form: new URLSearchParams(body),
    });
    const answer = path.startsWith('/.well-known/')
      ? metadata(path)
      : { status: 200, body: { access_token: 'new', token_type: 'Bearer', expires_in: 60 } };
    response
      .writeHead(answer.status, { 'content-type': 'application/json' })
      .end(JSON.stringify(answer.body));
  });
};
const server = createServer(listener);

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});
beforeEach(() => {
  arrived = [];
  metadata = () => ({ status: 404, body: {} });
});
afterEach(stopProviders);
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function provider(environment: Partial<EnvironmentConfig>) {
  const found = new ConfiguredProviders([
    {
      id: 'crm',
      adapter: 'oauth2',
      policy: defaultPolicy('oauth2', null),
      environments: { production: { clientId: 'an-app', ...environment } },
    },
  ]).find('crm');
  if (found === undefined) throw new Error('no provider');
  return found;
}

const tokenRequests = () => arrived.filter(({ path }) => path === '/token');
const exchange = (environment: Partial<EnvironmentConfig>) =>
  exchangeAt('', { provider: provider(environment) });

describe('a client', () => {
  it('sends id and secret in the header, form-encoded only', async () => {
    await exchange({ tokenEndpoint: `${origin}/token`, clientSecret: new Secret('a-b.c_d e:%ä') });
    const [request] = tokenRequests();
    const pair = Buffer.from(request?.authorization?.slice('Basic '.length) ?? '', 'base64');
    expect(pair.toString()).toBe('an-app:a-b.c_d+e%3A%25%C3%A4');
    expect(request?.form.has('client_id')).toBe(false);
  });

  it('sends them in the body, or only its id, if configured', async () => {
    const tokenEndpoint = `${origin}/token`;
    await exchange({
      tokenEndpoint,
      clientSecret: new Secret('s'),
      clientAuthentication: 'client_secret_post',
    });
    await exchange({ tokenEndpoint, clientAuthentication: 'none' });
    expect(tokenRequests().map(({ authorization }) => authorization)).toEqual([
      undefined,
      undefined,
    ]);
    expect(
      tokenRequests().map(({ form }) => [form.get('client_id'), form.get('client_secret')]),
    ).toEqual([
      ['an-app', 's'],
      ['an-app', null],
    ]);
  });

  it.each([
    ['RS256', 'sha256', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['ES256', 'sha256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['ES384', 'sha384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['Ed25519', null, () => generateKeyPairSync('ed25519')],
  ])('signs an assertion with a private key (%s), and shows neither', async (alg, hash, keys) => {
    const { privateKey, publicKey } = keys();
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const result = await exchange({
      tokenEndpoint: `${origin}/token`,
      issuer: 'https://login.example.com',
      clientAuthentication: 'private_key_jwt',
      privateKey: new Secret(pem.replaceAll('\n', '\\n')),
      keyId: 'key-1',
    });
    expect(result.outcome).toBe('ok');
    const [request] = tokenRequests();
    const assertion = request?.form.get('client_assertion') ?? '';
    const [header = '', payload = '', signature = ''] = assertion.split('.');
    const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
    expect(read(header)).toMatchObject({ alg, kid: 'key-1' });
    expect(read(payload)).toMatchObject({
      iss: 'an-app',
      sub: 'an-app',
      aud: 'https://login.example.com',
    });
    const key = { key: publicKey, dsaEncoding: 'ieee-p1363' as const };
    const bytes = Buffer.from(signature, 'base64url');
    expect(verify(hash, Buffer.from(`${header}.${payload}`), key, bytes)).toBe(true);
    expect(JSON.stringify({ ...result, received: null })).not.toContain(signature.slice(0, 12));
  });

  it('adds only the configured parameters', async () => {
    await exchange({
      tokenEndpoint: `${origin}/token`,
      clientAuthentication: 'none',
      parameters: { scope: 'a b', audience: 'https://api.example.com' },
    });
    expect(Object.fromEntries(tokenRequests()[0]?.form ?? [])).toEqual({
      grant_type: 'refresh_token',
      refresh_token: expect.any(String),
      client_id: 'an-app',
      scope: 'a b',
      audience: 'https://api.example.com',
    });
  });

  it.each(['', 'no key', '{"kty":"oct","k":"c2VjcmV0"}', '{"kty":'])(
    'refuses %j as a private key at start',
    (text) => {
      expect(privateKeyProblem(text)).toMatch(/^must be a private key in PEM or JWK format/);
    },
  );

  it('accepts a JWK as private key', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(privateKeyProblem(JSON.stringify(privateKey.export({ format: 'jwk' })))).toBeNull();
    const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
    expect(
      privateKeyProblem(small.export({ type: 'pkcs8', format: 'pem' }).toString()),
    ).not.toBeNull();
  });
});

describe('a token endpoint from the metadata of an issuer', () => {
  const known = (overrides: object = {}) => ({
    status: 200,
    body: { issuer: origin, token_endpoint: `${origin}/token`, ...overrides },
  });

  it('is fetched once, at the first refresh', async () => {
    metadata = () => known();
    const crm = provider({ issuer: origin, clientAuthentication: 'none' });
    expect(arrived).toEqual([]);
    const first = await exchangeAt('', { provider: crm });
    await exchangeAt('', { provider: crm });
    expect(first).toMatchObject({ outcome: 'ok', request: { url: `${origin}/token` } });
    expect(arrived.map(({ path }) => path)).toEqual([
      '/.well-known/openid-configuration',
      '/token',
      '/token',
    ]);
  });

  it('is also fetched from the path of RFC 8414', async () => {
    metadata = (path) =>
      path === '/.well-known/oauth-authorization-server' ? known() : { status: 404, body: {} };
    const { outcome } = await exchange({ issuer: origin, clientAuthentication: 'none' });
    expect(outcome).toBe('ok');
  });

  it.each([
    ['another issuer’s metadata', { issuer: 'https://evil.example' }],
    ['no token endpoint', { token_endpoint: undefined }],
    ['a token endpoint without TLS', { token_endpoint: 'http://evil.example/token' }],
    ['a token endpoint that is not a URL', { token_endpoint: 'token' }],
  ])(
    'is refused with %s: nothing is sent, and the next refresh fetches it again',
    async (_what, overrides) => {
      metadata = () => known(overrides);
      const crm = provider({ issuer: origin, clientAuthentication: 'none' });
      expect(await exchangeAt('', { provider: crm })).toMatchObject({
        outcome: 'not_sent',
        sentAt: null,
        failure: { class: 'provider', code: 'provider_unreachable' },
      });
      metadata = () => known();
      expect((await exchangeAt('', { provider: crm })).outcome).toBe('ok');
    },
  );

  it('does not prevent the start while the issuer is unreachable', async () => {
    const away = provider({ issuer: 'http://127.0.0.1:9', clientAuthentication: 'none' });
    const { outcome, failure } = await exchangeAt('', { provider: away });
    expect({ outcome, code: failure?.code }).toEqual({
      outcome: 'not_sent',
      code: 'provider_unreachable',
    });
  });
});
