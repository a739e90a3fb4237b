/** Valid and invalid ID tokens and logout tokens of an OpenID provider, and the renewal of sessions. */
import { randomBytes } from 'node:crypto';
import { generateKeyPair } from 'jose';
import type { ApiDependencies } from '../../src/http/dependencies';
import { type Answer, type Api, startApi } from '../api/_api';
import { assembled, nowSeconds, startJwksIssuer } from '../api/_jwt';
import { type OpenIdProviderDouble, startOpenIdProvider } from './_openid-provider';

type Claims = Record<string, unknown>;

let api: Api;
let provider: OpenIdProviderDouble;
let send: Api['send'];
let organisation: string;

beforeAll(async () => {
  provider = await startOpenIdProvider();
  api = await startApi({ worker: false });
});
beforeEach(() => {
  organisation = `org-${randomBytes(4).toString('hex')}`;
  provider.config = {
    ...provider.config,
    organisation: { fixed: organisation },
    scopesClaim: null,
  };
  provider.idToken = (claims) => provider.sign(claims);
  send = api.with({ oidc: provider.config });
});
afterAll(async () => {
  await api.stop();
  await provider.stop();
});

/** Stores cookies as a browser does: the last value of each name, without deleted ones. */
class Cookies {
  readonly #kept = new Map<string, string>();

  take({ headers }: Answer): void {
    for (const line of headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/; Max-Age=0/.test(line)) this.#kept.delete(name);
      else this.#kept.set(name, value);
    }
  }

  toString(): string {
    return [...this.#kept].map(([name, value]) => `${name}=${value}`).join('; ');
  }
}

class Browser {
  readonly cookies = new Cookies();
  #send: Api['send'];

  constructor(to = send) {
    this.#send = to;
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    const answer = await this.#send('GET', path, {
      key: null,
      headers: { ...headers, cookie: String(this.cookies) },
    });
    this.cookies.take(answer);
    return answer;
  }

  /** Moves the server's time forward for this browser. */
  later(ms: number, overrides: Partial<ApiDependencies> = {}): this {
    this.#send = api.with({
      oidc: provider.config,
      now: () => new Date(Date.now() + ms),
      ...overrides,
    });
    return this;
  }

  /** Goes to the provider, which signs the person in, and back. */
  async signIn(from = '/sign-in/oidc'): Promise<Answer> {
    const away = await this.get(from);
    const asked = provider.remember(away.headers.get('location') ?? '');
    return this.get(`/sign-in/oidc/callback?code=x&state=${asked.get('state')}`);
  }

  async isSignedIn(): Promise<boolean> {
    return (await this.get('/admin/workers')).status !== 303;
  }
}

async function signedIn(claims: Claims = {}): Promise<Browser> {
  provider.idToken = (right) => provider.sign({ ...right, ...claims });
  const browser = new Browser();
  expect((await browser.signIn()).status).toBe(303);
  return browser;
}

const alertIn = ({ text }: Answer) =>
  /role="alert"[^>]*>([^<]*)/.exec(text)?.[1]?.replaceAll('&quot;', '"') ?? '';

describe('an ID token', () => {
  const takesOther = async () => (await generateKeyPair('RS256')).privateKey;

  it.each<[string, (claims: Claims) => Promise<string> | string]>([
    ['signed with another key', async (c) => provider.sign(c, { key: await takesOther() })],
    ['with the algorithm "none"', (claims) => assembled({ alg: 'none' }, claims)],
    [
      'signed with the client secret',
      (claims) =>
        provider.sign(claims, {
          alg: 'HS256',
          key: new TextEncoder().encode(provider.config.clientSecret?.reveal()),
        }),
    ],
    [
      'whose claims were changed after it was signed',
      async (claims) => {
        const [header = '', , signature] = (await provider.sign(claims)).split('.');
        const changed = Buffer.from(JSON.stringify({ ...claims, sub: 'otto' }));
        return `${header}.${changed.toString('base64url')}.${signature}`;
      },
    ],
    ['of another issuer', (c) => provider.sign({ ...c, iss: 'https://other.example.com' })],
    ['for another audience', (c) => provider.sign({ ...c, aud: 'another-client' })],
    ['that has expired', (c) => provider.sign({ ...c, exp: nowSeconds() - 120 })],
    ['without an expiry', (c) => provider.sign({ ...c, exp: undefined })],
    ['without a nonce', (c) => provider.sign({ ...c, nonce: undefined })],
    ['with another nonce', (c) => provider.sign({ ...c, nonce: 'another' })],
    ['that is no JWT', () => 'x.y.z'],
  ])('%s is refused', async (_which, idToken) => {
    provider.idToken = idToken;
    const browser = new Browser();
    const answer = await browser.signIn();
    expect(answer.status).toBe(401);
    expect(alertIn(answer)).toMatch(
      /^The OpenID provider did not sign you in \(\w+\)\. Try again\.$/,
    );
    expect(await browser.isSignedIn()).toBe(false);
  });

  it.each<[string, unknown]>([
    ['is empty', ''],
    ['holds half of a surrogate pair', 'al\ud800ma'],
    ['holds a NUL', 'al\0ma'],
    ['holds a line break', 'al\nma'],
    ['is 10 kB long', 'a'.repeat(10_000)],
    ['is a number', 7],
    ['is a list', ['alma']],
  ])('whose sub %s is refused without an audit entry', async (_what, sub) => {
    provider.idToken = (claims) => provider.sign({ ...claims, sub });
    const browser = new Browser();
    const answer = await browser.signIn();
    expect(answer.status).toBe(401);
    expect(alertIn(answer)).toMatch(/"sub" of the ID token must be 1–255 printable|\(OAUTH_\w+\)/);
    expect(await browser.isSignedIn()).toBe(false);
    await signedIn();
    const admin = await api.key(['admin'], organisation);
    const verified = await api.send('GET', '/api/admin/audit/verify', { key: admin });
    expect(verified.body).toMatchObject({ intact: true, entries: 1 });
  });

  it('whose sub has 255 characters of any script signs in', async () => {
    const browser = await signedIn({ sub: '雪'.repeat(255) });
    expect(await browser.isSignedIn()).toBe(true);
  });

  it.each<[string, unknown]>([
    ['sid', 'x'.repeat(256)],
    ['sid', 7],
    ['tenant', 'a\ud800'],
    ['tenant', 'a b'],
    ['tenant', 'x'.repeat(65)],
    ['tenant', ['acme']],
  ])('whose %s is %j is refused', async (claim, value) => {
    provider.config = { ...provider.config, organisation: { claim: 'tenant' } };
    send = api.with({ oidc: provider.config });
    const tenant = `org-${randomBytes(4).toString('hex')}`;
    provider.idToken = (right) => provider.sign({ ...right, tenant, [claim]: value });
    const answer = await new Browser().signIn();
    expect(answer.status).toBe(401);
    expect(alertIn(answer)).toContain(`The claim "${claim}" of the ID token must be`);
  });

  it.each<[string, unknown, number]>([
    ['a list with odd members', [null, 7, {}, 'read'], 303],
    ['words', 'openid read', 303],
    ['an object', { read: true }, 403],
    ['a number', 7, 403],
    ['only scopes that no page accepts', ['tokens', 'internal'], 403],
  ])('whose scopes are %s grants the scopes that pages accept', async (_what, roles, status) => {
    provider.config = { ...provider.config, scopesClaim: 'roles' };
    send = api.with({ oidc: provider.config });
    provider.idToken = (right) => provider.sign({ ...right, roles });
    expect((await new Browser().signIn()).status).toBe(status);
  });
});

describe('an unreachable provider', () => {
  it('makes the sign-in respond with 503 and a reason', async () => {
    const issuer = await startJwksIssuer();
    const { port } = new URL('jwksUrl' in issuer.config.keys ? issuer.config.keys.jwksUrl : '');
    await issuer.stop();
    const gone = { ...provider.config, issuer: new URL(`http://127.0.0.1:${port}`) };
    const answer = await new Browser(api.with({ oidc: gone })).get('/sign-in/oidc');
    expect(answer.status).toBe(503);
    expect(alertIn(answer)).toContain('The OpenID provider is unreachable at');
  });
});

describe('a session that expired with its ID token', () => {
  const SOON_MS = 11 * 60_000;

  it('is renewed at the provider with a new id, without asking the person', async () => {
    const browser = await signedIn();
    const before = String(browser.cookies);
    browser.later(SOON_MS);
    const away = await browser.get('/admin/workers?provider=ebay');
    expect(away.headers.get('location')).toBe(
      '/sign-in/oidc?next=%2Fadmin%2Fworkers%3Fprovider%3Debay&renew=1',
    );
    provider.idToken = (claims) => provider.sign({ ...claims, exp: nowSeconds() + 3600 });
    const back = await browser.signIn(away.headers.get('location') ?? '');
    expect(back.headers.get('location')).toBe('/admin/workers?provider=ebay');
    expect(await browser.isSignedIn()).toBe(true);
    expect(String(browser.cookies)).not.toBe(before);
    const admin = await api.key(['admin'], organisation);
    const { body } = await api.send('GET', '/api/admin/sessions', { key: admin });
    expect(body.items).toHaveLength(1);
  });

  it('is renewed with prompt=none, also when a fragment is requested', async () => {
    const browser = (await signedIn()).later(SOON_MS);
    const fragment = await browser.get('/admin/workers/stream', {
      'hx-request': 'true',
      'hx-current-url': 'http://localhost/admin/workers',
    });
    expect(fragment.status).toBe(401);
    const to = fragment.headers.get('hx-redirect') ?? '';
    expect(to).toBe('/sign-in/oidc?next=%2Fadmin%2Fworkers&renew=1');
    const away = await browser.get(to);
    expect(provider.remember(away.headers.get('location') ?? '').get('prompt')).toBe('none');
  });

  it('leads to the sign-in page if the person is no longer signed in at the provider', async () => {
    const browser = (await signedIn()).later(SOON_MS);
    const away = await browser.get('/sign-in/oidc?next=/admin/workers&renew=1');
    const asked = provider.remember(away.headers.get('location') ?? '');
    const back = await browser.get(
      `/sign-in/oidc/callback?error=login_required&state=${asked.get('state')}`,
    );
    expect(back.headers.get('location')).toBe('/sign-in?next=%2Fadmin%2Fworkers');
    const next = await browser.get('/admin/workers');
    expect(next.headers.get('location')).toBe('/sign-in?next=%2Fadmin%2Fworkers');
  });

  it('is renewed once for all pages of a browser', async () => {
    const browser = await signedIn();
    const answer = await browser.get('/sign-in/oidc?next=/admin/accounts&renew=1');
    expect(answer.headers.get('location')).toBe('/admin/accounts');
  });

  it('is not renewed after a sign-out', async () => {
    const browser = await signedIn();
    const cookie = String(browser.cookies);
    const headers = { cookie, 'sec-fetch-site': 'same-origin' };
    await send('POST', '/sign-out', { key: null, headers });
    const answer = await browser.later(SOON_MS).get('/admin/workers');
    expect(answer.headers.get('location')).toBe('/sign-in?next=%2Fadmin%2Fworkers');
  });
});

describe('a logout token', () => {
  const post = (token: string, headers: Record<string, string> = {}): Promise<Answer> =>
    send('POST', '/sign-in/oidc/back-channel-logout', {
      key: null,
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      text: new URLSearchParams({ logout_token: token }).toString(),
    });
  const person = () => `person-${randomBytes(6).toString('hex')}`;

  it('ends the sessions of its subject in all browsers, with audit entries', async () => {
    const sub = person();
    const browsers = [await signedIn({ sub }), await signedIn({ sub })];
    const other = await signedIn({ sub: person() });
    const answer = await post(await provider.logoutToken({ sub }));
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: '' });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    for (const browser of browsers) expect(await browser.isSignedIn()).toBe(false);
    expect(await other.isSignedIn()).toBe(true);
    const admin = await api.key(['admin'], organisation);
    const { body } = await api.send('GET', '/api/admin/audit', { key: admin });
    const ended = { actor: `oidc:${sub}`, details: { by: 'back-channel logout' } };
    expect(body.items.slice(0, 2)).toMatchObject([
      { ...ended, action: 'sign-out' },
      { ...ended, action: 'sign-out' },
    ]);
  });

  it('with a sid ends only the session with that sid, with or without the sub', async () => {
    const sub = person();
    const one = await signedIn({ sub, sid: `one-${sub}` });
    const two = await signedIn({ sub, sid: `two-${sub}` });
    const three = await signedIn({ sub, sid: `three-${sub}` });
    await post(await provider.logoutToken({ sub, sid: `one-${sub}` }));
    expect([await one.isSignedIn(), await two.isSignedIn()]).toEqual([false, true]);
    await post(await provider.logoutToken({ sub: undefined, sid: `two-${sub}` }));
    expect([await two.isSignedIn(), await three.isSignedIn()]).toEqual([false, true]);
    await post(await provider.logoutToken({ sub: person(), sid: `three-${sub}` }));
    expect(await three.isSignedIn()).toBe(true);
  });

  it('with a sid also ends the sessions of its sub without a sid', async () => {
    const sub = person();
    const browser = await signedIn({ sub });
    await post(await provider.logoutToken({ sub, sid: 'unknown' }));
    expect(await browser.isSignedIn()).toBe(false);
  });

  it('that is sent again is accepted and does not end sessions that started later', async () => {
    const sub = person();
    const first = await signedIn({ sub });
    const token = await provider.logoutToken({ sub, iat: nowSeconds() - 60 });
    const fresh = await provider.logoutToken({ sub });
    expect((await post(token)).status).toBe(200);
    expect(await first.isSignedIn()).toBe(true);
    expect((await post(fresh)).status).toBe(200);
    expect(await first.isSignedIn()).toBe(false);
    expect((await post(fresh)).status).toBe(200);
  });

  it('that is invalid or for another client is refused and ends no session', async () => {
    const sub = person();
    const browser = await signedIn({ sub });
    const good = await provider.logoutToken({ sub });
    const other = (await generateKeyPair('RS256')).privateKey;
    const claims = JSON.parse(Buffer.from(good.split('.')[1] ?? '', 'base64url').toString());
    const refused: [string, string][] = [
      ['another key', await provider.sign(claims, { key: other })],
      ['alg none', assembled({ alg: 'none' }, claims)],
      [
        'the client secret',
        await provider.sign(claims, {
          alg: 'HS256',
          key: new TextEncoder().encode(provider.config.clientSecret?.reveal()),
        }),
      ],
      ['iss', await provider.logoutToken({ sub, iss: 'https://other.example.com' })],
      ['aud', await provider.logoutToken({ sub, aud: 'another-client' })],
      ['exp', await provider.logoutToken({ sub, exp: nowSeconds() - 60 })],
      ['no exp', await provider.logoutToken({ sub, exp: undefined })],
      ['no iat', await provider.logoutToken({ sub, iat: undefined })],
      ['no jti', await provider.logoutToken({ sub, jti: undefined })],
      ['no events', await provider.logoutToken({ sub, events: undefined })],
      ['other events', await provider.logoutToken({ sub, events: { 'http://x.example': {} } })],
      ['odd events', await provider.logoutToken({ sub, events: 'logout' })],
      ['a nonce', await provider.logoutToken({ sub, nonce: 'n' })],
      ['neither sub nor sid', await provider.logoutToken({ sub: undefined })],
      ['odd sub', await provider.logoutToken({ sub: 'a\ud800' })],
      ['odd sid', await provider.logoutToken({ sub, sid: ['x'] })],
      ['no JWT', 'x.y.z'],
      ['nothing', ''],
      ['9 kB', 'x'.repeat(9_000)],
    ];
    for (const [what, token] of refused) {
      const answer = await post(token);
      const response = { what, status: answer.status, kept: answer.headers.get('cache-control') };
      expect(response).toEqual({ what, status: 400, kept: 'no-store' });
      expect(answer.body).toEqual({
        error: 'invalid_request',
        error_description: expect.stringMatching(/\S/),
      });
      expect(answer.text).not.toContain(token || 'nothing was sent');
    }
    expect(await browser.isSignedIn()).toBe(true);
    expect((await post(good)).status).toBe(200);
  });

  it('is accepted after many refused ones from its address, which get 429', async () => {
    send = api.with({ oidc: provider.config });
    for (let at = 0; at < 29; at += 1) expect((await post('x.y.z')).status).toBe(400);
    const answer = await post('x.y.z');
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await post(await provider.logoutToken())).status).toBe(200);
  });

  it('is accepted from another site, unlike other requests', async () => {
    const elsewhere = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
    expect((await post(await provider.logoutToken(), elsewhere)).status).toBe(200);
    for (const path of ['/sign-in', '/sign-out', '/sign-in/oidc', '/sign-in/oidc/callback']) {
      const answer = await send('POST', path, {
        key: null,
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...elsewhere },
        text: 'key=x',
      });
      expect({ path, status: answer.status }).toEqual({ path, status: 403 });
    }
  });

  it('gets 404 if no provider is configured', async () => {
    send = api.with({ oidc: null });
    expect((await post(await provider.logoutToken())).status).toBe(404);
  });
});
