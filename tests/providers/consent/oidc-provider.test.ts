/**
 * A consent at an independent server that the OpenID Foundation certified, over HTTP, with PKCE and pushed requests
 * required and `iss` in the callback.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createConsentClient } from '../../../src/providers/consent/consent-client';
import { createTransport } from '../../../src/providers/exchange/transport';
import { type AuthorizationServer, startAuthorizationServer } from '../_oidc-provider';
import { CLIENT_SECRET, readEntry } from './_provider';

const CALLBACK = 'https://app.example.com/callback';
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const PRIVATE_JWK = JSON.stringify(privateKey.export({ format: 'jwk' }));

const METHODS: Record<string, { registered: object; lines: string[] }> = {
  client_secret_basic: {
    registered: { client_secret: CLIENT_SECRET },
    lines: [`clientSecret: ${CLIENT_SECRET}`],
  },
  client_secret_post: {
    registered: { client_secret: CLIENT_SECRET },
    lines: ['clientAuthentication: client_secret_post', `clientSecret: ${CLIENT_SECRET}`],
  },
  private_key_jwt: {
    registered: { jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k' }] } },
    lines: ['clientAuthentication: private_key_jwt', `privateKey: '${PRIVATE_JWK}'`, 'keyId: k'],
  },
  none: { registered: {}, lines: ['clientAuthentication: none'] },
};

let server: AuthorizationServer;
const client = createConsentClient({ transport: createTransport(), now: () => new Date() });

beforeAll(async () => {
  server = await startAuthorizationServer(
    Object.entries(METHODS).map(([name, { registered }]) => ({
      client_id: name,
      token_endpoint_auth_method: name,
      ...registered,
    })),
    { pushed: true },
  );
});
afterAll(() => server.close());

function consent(method: string) {
  const { provider, problems } = readEntry('crm', [
    'adapter: oauth2',
    `issuer: ${server.issuer}`,
    `clientId: ${method}`,
    'consentScopes: [openid, offline_access]',
    'consentParameters: {prompt: consent}',
    ...(METHODS[method]?.lines ?? []),
  ]);
  expect(problems).toEqual([]);
  const environment = provider?.environments.get('production');
  if (provider === undefined || environment === undefined) throw new Error('no provider');
  return {
    provider,
    environment,
    externalId: null,
    inputs: {},
    scopes: [] as string[],
    state: randomBytes(32).toString('base64url'),
    verifier: randomBytes(32).toString('base64url'),
    redirectUri: CALLBACK,
    receive: jest.fn(),
  };
}

/** Follows redirects with cookies, as a browser does, up to the callback. */
async function consented(start: URL): Promise<URLSearchParams> {
  const cookies = new Map<string, string>();
  let url = start;
  for (let steps = 0; steps < 8 && !url.href.startsWith(CALLBACK); steps += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(url, { redirect: 'manual', headers: { cookie } });
    for (const set of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      cookies.set(name, value);
    }
    const location = answer.headers.get('location');
    if (location === null) throw new Error(`no redirect: ${answer.status} ${await answer.text()}`);
    url = new URL(location, url);
  }
  return url.searchParams;
}

describe.each(Object.keys(METHODS))('a client that uses %s', (method) => {
  it('pushes its request, exchanges the code once and reads the subject of the ID token', async () => {
    server.person = { sub: `person-of-${method}` };
    const input = consent(method);
    const url = await client.authorizationUrl(input);
    expect([...url.searchParams.keys()].toSorted()).toEqual(['client_id', 'request_uri']);

    const parameters = await consented(url);
    expect(parameters.get('iss')).toBe(server.issuer);
    const answer = await client.exchangeCode({ ...input, parameters });
    expect(answer).toMatchObject({
      kind: 'granted',
      subject: { value: JSON.stringify([server.issuer, `person-of-${method}`]) },
      warnings: [],
    });
    if (answer.kind !== 'granted') throw new Error('not granted');
    const token = answer.grant.refreshToken;
    if (token === null) throw new Error('no refresh token');

    expect(await client.exchangeCode({ ...input, parameters })).toMatchObject({
      kind: 'failed',
      failure: 'provider_refused',
    });
    const revocation = { ...input, externalId: 'x', token, hint: 'refresh_token' as const };
    expect(await client.revoke(revocation)).toMatchObject({ result: 'revoked' });
  });

  it('requires iss, because the metadata announce it', async () => {
    server.person = { sub: 'person' };
    const input = consent(method);
    const parameters = await consented(await client.authorizationUrl(input));
    parameters.delete('iss');
    expect(await client.exchangeCode({ ...input, parameters })).toMatchObject({
      kind: 'failed',
      failure: 'wrong_issuer',
    });
  });

  it('cannot use a code with another verifier', async () => {
    server.person = { sub: 'person' };
    const input = consent(method);
    const parameters = await consented(await client.authorizationUrl(input));
    const verifier = randomBytes(32).toString('base64url');
    expect(await client.exchangeCode({ ...input, parameters, verifier })).toMatchObject({
      kind: 'failed',
      failure: 'provider_refused',
    });
  });

  it('reports a person who declines', async () => {
    server.person = null;
    const input = consent(method);
    const parameters = await consented(await client.authorizationUrl(input));
    expect(await client.exchangeCode({ ...input, parameters })).toMatchObject({
      failure: 'access_denied',
    });
  });
});

it('names the refusal of a pushed request', async () => {
  const input = { ...consent('client_secret_basic'), redirectUri: 'https://evil.example.com/' };
  await expect(client.authorizationUrl(input)).rejects.toMatchObject({
    failure: 'app_refused',
    detail: expect.stringContaining('invalid_redirect_uri') as string,
  });
});
