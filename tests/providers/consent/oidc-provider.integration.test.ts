/**
 * Consents at an independent server that the OpenID Foundation certified, over HTTP, with PKCE and pushed requests
 * required and `iss` in the callback. The session, the pages, the exchange and the store are Evergrant's own.
 */
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import {
  type ConsentClient,
  createConsentClient,
} from '../../../src/providers/consent/consent-client';
import { createTransport } from '../../../src/providers/exchange/transport';
import { type Api, type Send, startApi } from '../../api/_api';
import { type AuthorizationServer, startAuthorizationServer } from '../_oidc-provider';
import { CLIENT_SECRET, readEntries } from './_provider';

const PUBLIC_URL = new URL('https://evergrant.example.com');
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const PRIVATE_JWK = JSON.stringify(privateKey.export({ format: 'jwk' }));

/** Client authentication by provider id: the registration at the server, and the lines of the entry. */
const METHODS: Record<string, { registered: object; lines: string[] }> = {
  basic: {
    registered: {
      token_endpoint_auth_method: 'client_secret_basic',
      client_secret: CLIENT_SECRET,
    },
    lines: [`clientSecret: ${CLIENT_SECRET}`],
  },
  post: {
    registered: { token_endpoint_auth_method: 'client_secret_post', client_secret: CLIENT_SECRET },
    lines: ['clientAuthentication: client_secret_post', `clientSecret: ${CLIENT_SECRET}`],
  },
  signed: {
    registered: {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k' }] },
    },
    lines: ['clientAuthentication: private_key_jwt', `privateKey: '${PRIVATE_JWK}'`, 'keyId: k'],
  },
  public: {
    registered: { token_endpoint_auth_method: 'none' },
    lines: ['clientAuthentication: none'],
  },
};

let api: Api;
let server: AuthorizationServer;
let send: Send;
/** Replaces a part of the code exchange in one test. */
let tampered: (
  input: Parameters<ConsentClient['exchangeCode']>[0],
) => Parameters<ConsentClient['exchangeCode']>[0] = (input) => input;
/** Values that no log line, entry or session may contain. */
const secrets: string[] = [];

beforeAll(async () => {
  server = await startAuthorizationServer(
    Object.entries(METHODS).map(([id, { registered }]) => ({
      client_id: id,
      redirect_uris: [`${PUBLIC_URL.origin}/connect/callback/${id}`],
      ...registered,
    })),
    { pushed: true },
  );
  const entries = Object.entries(METHODS).map(([id, { lines }]): [string, string[]] => [
    id,
    [
      'adapter: oauth2',
      `issuer: ${server.issuer}`,
      `clientId: ${id}`,
      'consentScopes: [openid, offline_access]',
      'consentParameters: {prompt: consent}',
      ...lines,
    ],
  ]);
  const { providers, problems } = readEntries(Object.fromEntries(entries));
  if (problems.length > 0) throw new Error(problems.join('; '));
  const client = createConsentClient({ transport: createTransport(), now: () => new Date() });
  const observed: ConsentClient = {
    ...client,
    exchangeCode(input) {
      secrets.push(input.state, input.verifier ?? '', input.parameters.get('code') ?? '');
      return client.exchangeCode(tampered(input));
    },
  };
  api = await startApi({ worker: false });
  send = api.with({ providers, consent: observed, publicUrl: PUBLIC_URL });
});
afterEach(() => {
  tampered = (input) => input;
});
afterAll(async () => {
  await server?.close();
  await api?.stop();
});

const create = async (body: object) => {
  const { status, body: session } = await send('POST', '/api/admin/connect/sessions', { body });
  expect(status).toBe(201);
  secrets.push(new URL(session.url).pathname.split('/').at(-1) ?? '');
  return session;
};
const sessionOf = async (id: string) =>
  (await send('GET', `/api/admin/connect/sessions/${id}`)).body;

/** The person presses the button of the consent page. */
async function start({ url }: { url: string }): Promise<{ cookie: string; authorization: URL }> {
  const answer = await send('POST', new URL(url).pathname, {
    key: null,
    text: '',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'sec-fetch-site': 'same-origin',
    },
  });
  expect(answer.status).toBe(303);
  const [cookie = ''] = (answer.headers.get('set-cookie') ?? '').split(';');
  return { cookie, authorization: new URL(answer.headers.get('location') ?? '') };
}

/** Follows redirects with cookies, as a browser does, up to the callback. */
async function consented(authorization: URL): Promise<URL> {
  const cookies = new Map<string, string>();
  let url = authorization;
  for (let steps = 0; steps < 8 && url.origin !== PUBLIC_URL.origin; steps += 1) {
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
  return url;
}

async function back({ pathname, search }: URL, cookie: string) {
  const options = { key: null, headers: { cookie } };
  const { status, headers } = await send('GET', `${pathname}${search}`, options);
  expect(status).toBe(303);
  return send('GET', headers.get('location') ?? '', options);
}

/** One consent from the link to the result. */
async function consent(body: object, change: (callback: URL) => void = () => undefined) {
  const session = await create(body);
  const { cookie, authorization } = await start(session);
  const callback = await consented(authorization);
  change(callback);
  const result = await back(callback, cookie);
  return { session, cookie, authorization, callback, result, after: await sessionOf(session.id) };
}

const person = () => ({ sub: `person-${randomUUID()}` });
const connect = (provider: string, change?: (callback: URL) => void) =>
  consent({ provider, external_id: randomUUID() }, change);

describe.each(Object.keys(METHODS))('a client that authenticates itself with %s', (provider) => {
  it('pushes its request, connects an account with the subject of the ID token, and reconnects it', async () => {
    server.person = person();
    const first = await connect(provider);
    const { authorization, callback } = first;
    expect([...authorization.searchParams.keys()].toSorted()).toEqual(['client_id', 'request_uri']);
    expect(callback.searchParams.get('iss')).toBe(server.issuer);
    expect(first.result.text).toContain('is connected to');
    expect(first.after).toMatchObject({ status: 'connected', failure: null });
    const { account_id: id } = first.session;
    const account = await api.store.accounts.find(api.organisation, id);
    expect(account).toMatchObject({ generation: 1, state: 'active' });
    expect(account?.subject?.digest).toMatch(/\S{40}/);
    expect(account?.current.refreshToken).toMatch(/^ENC:/);

    const again = await consent({ account_id: id });
    expect(again.after).toMatchObject({ status: 'connected' });
    const reconnected = await api.store.accounts.find(api.organisation, id);
    expect(reconnected).toMatchObject({ generation: 2, subject: account?.subject });

    server.person = person();
    const other = await consent({ account_id: id });
    expect(other.after).toMatchObject({
      status: 'refused',
      failure: { code: 'different_subject' },
    });
    expect(await api.store.accounts.find(api.organisation, id)).toEqual(reconnected);
  });

  it('C07 refuses a callback without iss, because the metadata announce it', async () => {
    server.person = person();
    const { after } = await connect(provider, ({ searchParams }) => searchParams.delete('iss'));
    expect(after).toMatchObject({ status: 'failed', failure: { code: 'wrong_issuer' } });
  });

  it('C07 refuses a callback of another issuer (mix-up)', async () => {
    server.person = person();
    const { after } = await connect(provider, ({ searchParams }) =>
      searchParams.set('iss', 'https://other.example.com'),
    );
    expect(after).toMatchObject({ status: 'failed', failure: { code: 'wrong_issuer' } });
  });

  it('C08 cannot use a code that was issued for another verifier (code injection)', async () => {
    server.person = person();
    const stolen = await consented((await start(await create(fresh(provider)))).authorization);
    const { after } = await connect(provider, ({ searchParams }) =>
      searchParams.set('code', stolen.searchParams.get('code') ?? ''),
    );
    expect(after).toMatchObject({ status: 'failed', failure: { code: 'provider_refused' } });
    tampered = (input) => ({ ...input, verifier: randomBytes(32).toString('base64url') });
    expect((await connect(provider)).after).toMatchObject({
      failure: { code: 'provider_refused' },
    });
  });

  it('exchanges a code once: a repeated callback shows the result', async () => {
    server.person = person();
    const { session, callback, cookie } = await connect(provider);
    const account = await api.store.accounts.find(api.organisation, session.account_id);
    expect((await back(callback, cookie)).text).toContain('is connected to');
    expect(await api.store.accounts.find(api.organisation, session.account_id)).toEqual(account);
  });

  it('reports a person who declines, and the link stays usable', async () => {
    server.person = null;
    const { session, result, after } = await connect(provider);
    expect(result.text).toContain('You declined');
    expect(after).toMatchObject({ status: 'opened', failure: { code: 'access_denied' } });
    server.person = person();
    const { cookie, authorization } = await start(session);
    await back(await consented(authorization), cookie);
    expect(await sessionOf(session.id)).toMatchObject({ status: 'connected' });
  });
});

const fresh = (provider: string) => ({ provider, external_id: randomUUID() });

it('shows that the provider refused a pushed request, and names the reason in the log', async () => {
  const session = await create(fresh('basic'));
  const elsewhere = api.with({
    providers: readEntries({
      basic: [
        'adapter: oauth2',
        `issuer: ${server.issuer}`,
        'clientId: basic',
        `clientSecret: ${CLIENT_SECRET}`,
        'redirectUri: https://evil.example.com/',
      ],
    }).providers,
    publicUrl: PUBLIC_URL,
  });
  const answer = await elsewhere('POST', new URL(session.url).pathname, {
    key: null,
    text: '',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'sec-fetch-site': 'same-origin',
    },
  });
  expect(answer).toMatchObject({ status: 503, text: expect.stringContaining('unavailable') });
  const line = api.logs.find((one) => one.includes('redirect_uri did not match')) ?? '{}';
  expect(JSON.parse(line)).toMatchObject({
    connect_session_id: session.id,
    failure: 'app_refused',
  });
  expect(await sessionOf(session.id)).toMatchObject({ status: 'created' });
});

it('writes no code, state, verifier or link into log lines, entries and sessions', async () => {
  const entries = await send('GET', '/api/admin/terminal-logs?limit=100');
  const sessions = await send('GET', '/api/admin/connect/sessions?limit=100');
  const written = [...api.logs, entries.text, sessions.text].join('\n');
  expect(secrets.length).toBeGreaterThan(100);
  for (const secret of secrets.filter((one) => one !== '')) expect(written).not.toContain(secret);
});
