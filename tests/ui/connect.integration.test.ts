/** The consent pages with a provider whose answers each test chooses. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { LEG_LIFE_MS } from '../../src/domain/connect/connect-session';
import { Secret } from '../../src/domain/masking/secret';
import type { CodeExchange } from '../../src/providers/consent/code-exchange';
import type { ConsentRules } from '../../src/providers/consent/consent';
import type { ConsentClient } from '../../src/providers/consent/consent-client';
import { type Api, expectError, type Send, startApi } from '../api/_api';
import { connectSettings } from '../support/connect-settings';
import { eventually } from '../support/eventually';
import { increaseOf } from '../support/metrics';

const SCOPES = ['read', 'write'];
const RULES: ConsentRules = {
  authorizationEndpoints: {},
  pkce: 'S256',
  parameters: {},
  defaultScopes: [],
  inputs: [],
  subject: { kind: 'id_token' },
  refreshTokenExpected: true,
  revocation: { kind: 'not_supported', effect: '' },
};

type AuthorizationInput = Parameters<ConsentClient['authorizationUrl']>[0];

/** A fake: the provider's part is tested in tests/providers/consent. */
class FakeConsent implements ConsentClient {
  rules: ConsentRules = RULES;
  started: AuthorizationInput | undefined;
  exchanges = 0;
  subject: string | null = randomUUID();
  scopes: string[] | null = null;
  values: Record<string, string> | null = null;
  failure: Extract<CodeExchange, { kind: 'failed' }> | null = null;
  beforeAnswer: () => Promise<void> = () => Promise.resolve();
  revoked: string[] = [];
  tokens: string[] = [];

  rulesOf() {
    return this.rules;
  }
  async authorizationUrl(input: AuthorizationInput) {
    this.started = input;
    return new URL(`https://provider.example/authorize?state=${input.state}`);
  }
  async exchangeCode({ receive }: Parameters<ConsentClient['exchangeCode']>[0]) {
    this.exchanges += 1;
    if (this.failure !== null) return this.failure;
    const access = `access-${randomBytes(16).toString('hex')}`;
    const refresh = `refresh-${randomBytes(16).toString('hex')}`;
    this.tokens.push(access, refresh);
    const grant = {
      accessToken: new Secret(access),
      refreshToken: new Secret(refresh),
      expiresAt: new Date(Date.now() + 7_200_000),
      refreshTokenExpiry: { expiresAt: null, isStated: false },
      scopes: this.scopes,
      ...(this.values === null ? {} : { providerValues: this.values }),
    };
    receive(grant);
    await this.beforeAnswer();
    return {
      kind: 'granted' as const,
      grant,
      subject: this.subject === null ? null : { value: this.subject, label: 'harbour@example.com' },
      response: { status: 200, duration_ms: 1 },
      warnings: [],
    };
  }
  async revoke({ hint }: Parameters<ConsentClient['revoke']>[0]) {
    this.revoked.push(hint);
    return { result: 'revoked' as const, retryAfterMs: 0 };
  }
}

let api: Api;
let consent: FakeConsent;
let send: Send;
beforeAll(async () => {
  api = await startApi();
  await api.harness.startWorker();
});
beforeEach(() => {
  consent = new FakeConsent();
  const publicUrl = new URL('http://127.0.0.1');
  const settings = connectSettings(api.store, { returnUrls: ['https://app.example/done'] });
  send = api.with({ consent, publicUrl, connectSettings: settings });
});
afterAll(() => api.stop());

const FORM = {
  'content-type': 'application/x-www-form-urlencoded',
  'sec-fetch-site': 'same-origin',
};
const create = async (body: object = {}) => {
  const answer = await send('POST', '/api/admin/connect/sessions', {
    body: { provider: 'ebay', external_id: `shop-${randomUUID()}`, scopes: SCOPES, ...body },
  });
  expect(answer.status).toBe(201);
  return answer.body;
};
const sessionOf = async (id: string) =>
  (await send('GET', `/api/admin/connect/sessions/${id}`)).body;
const pathOf = ({ url }: { url: string }) => new URL(url).pathname;

/** Opens the link, continues, and returns the cookie of the browser and the callback's path. */
async function start(session: { url: string }, form: Record<string, string> = {}) {
  const answer = await send('POST', pathOf(session), {
    key: null,
    text: new URLSearchParams(form).toString(),
    headers: FORM,
  });
  expect(answer.status).toBe(303);
  const set = answer.headers.get('set-cookie') ?? '';
  expect(set).toMatch(
    /^evg-connect-[0-9a-f]{12}=.*; Max-Age=1200; Path=\/; HttpOnly; SameSite=Lax$/,
  );
  const [cookie = ''] = set.split(';');
  const state = consent.started?.state ?? '';
  expect(answer.headers.get('location')).toContain(state);
  return { cookie, callback: `/connect/callback/ebay?code=the-code&state=${state}`, state };
}
/** Opens a page. A callback redirects to its result, whose address contains no code and no state. */
async function back(path: string, cookie: string, headers = {}) {
  const options = { key: null, headers: { cookie, ...headers } };
  const answer = await send('GET', path, options);
  const location = answer.headers.get('location') ?? '';
  if (!location.startsWith('/connect/result/')) return answer;
  expect(answer.status).toBe(303);
  expect(location).toMatch(/^\/connect\/result\/(ccs_[0-9a-f]{24}|unknown|other_browser|late)$/);
  return send('GET', location, options);
}

async function connect(body: object = {}) {
  const session = await create(body);
  const { callback, cookie } = await start(session);
  const answer = await back(callback, cookie);
  return { session, answer, callback, cookie, after: await sessionOf(session.id) };
}

it('C11 C19 connects a new account, and shows it in the terminal and as an event', async () => {
  consent.scopes = ['read'];
  const { session, answer, after } = await connect({ label: 'Harbour Books' });
  expect(answer.status).toBe(200);
  expect(answer.text).toContain('is connected to');
  expect(after).toMatchObject({ status: 'connected', account_id: session.account_id });
  const account = await api.store.accounts.find(api.organisation, session.account_id);
  expect(account).toMatchObject({
    label: 'Harbour Books',
    state: 'active',
    generation: 1,
    subject: { label: 'ha…@example.com' },
    missingScopes: ['write'],
  });
  const token = await send('GET', `/api/tokens/${session.account_id}`);
  expect(token.body).toMatchObject({ access_token: consent.tokens[0] });
  const logs = await send('GET', `/api/admin/terminal-logs?account_id=${session.account_id}`);
  expect(logs.body.items).toMatchObject([{ action: 'account_connected', source: 'connect' }]);
  await eventually(async () => {
    const events = await send('GET', '/api/admin/events?type=account.connected');
    expect(events.body.items).toContainEqual(
      expect.objectContaining({
        data: expect.objectContaining({ connect_session_id: session.id, missing_scopes: 'write' }),
      }),
    );
    return true;
  });
});

it('gives the provider values of a consent to applications of its organisation only', async () => {
  consent.values = { realmId: '42', 'team.id': 'T1' };
  const { session } = await connect();
  const path = `/api/tokens/${session.account_id}`;
  const account = `/api/admin/accounts/${session.account_id}`;
  const expected = { provider_values: consent.values };
  expect((await send('GET', path)).body).toMatchObject(expected);
  expect((await send('GET', account)).body).toMatchObject(expected);
  const stored = await api.store.accounts.find(api.organisation, session.account_id);
  expect(stored?.current.providerValues).toEqual(consent.values);

  const other = await api.key(['read', 'tokens', 'admin'], `org-${randomUUID()}`);
  for (const route of [path, account]) {
    const answer = await send('GET', route, { key: other });
    expect(answer.status).toBe(404);
    expect(answer.text).not.toContain('T1');
  }
  consent.values = null;
  const without = await connect();
  const token = await send('GET', `/api/tokens/${without.session.account_id}`);
  expect(token.body).not.toHaveProperty('provider_values');
});

it('C03 spends nothing when the link is opened, and shows who asks in the language of the browser', async () => {
  const session = await create({ label: 'Harbour Books' });
  for (const [language, words] of [
    ['en', 'asks for access to'],
    ['de-AT,de;q=0.9', 'bittet um Zugriff'],
    ['fr', 'demande l’accès'],
    ['es', 'pide acceso'],
    ['ja', 'asks for access to'],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- one browser at a time
    const page = await back(pathOf(session), '', { 'accept-language': language });
    expect(page.text).toContain(words);
    expect(page.text).toContain('Harbour Books');
    expect(page.text).not.toContain(pathOf(session));
    expect(Object.fromEntries(page.headers)).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
    });
  }
  expect(await sessionOf(session.id)).toMatchObject({ status: 'opened' });
  const { callback, cookie } = await start(session);
  expect((await back(callback, cookie)).status).toBe(200);
});

it('C05 exchanges one of many concurrent callbacks, and shows the present status for a replay', async () => {
  const session = await create();
  const { callback, cookie } = await start(session);
  await Promise.all(Array.from({ length: 5 }, () => back(callback, cookie)));
  expect(consent.exchanges).toBe(1);
  expect((await back(callback, cookie)).text).toContain('is connected to');
  expect(consent.exchanges).toBe(1);
  expect((await back(pathOf(session), '')).status).toBe(410);
});

it('C06 refuses a callback of another browser, of a replaced leg, and with an unknown state', async () => {
  const session = await create();
  const first = await start(session);
  expect((await back(first.callback, '')).text).toContain('another browser');
  expect(await sessionOf(session.id)).toMatchObject({
    status: 'opened',
    failure: { code: 'other_browser' },
  });
  const second = await start(session);
  expect((await back(first.callback, first.cookie)).text).toContain('not known');
  expect((await back('/connect/callback/ebay?code=x&state=y', second.cookie)).status).toBe(400);
  const elsewhere = second.callback.replace('/ebay?', '/etsy?');
  expect((await back(elsewhere, second.cookie)).status).toBe(400);
  expect(consent.exchanges).toBe(0);
  expect((await back(second.callback, second.cookie)).status).toBe(200);
});

it('M1.9 counts each consent once by its result, however often its callback arrives', async () => {
  const counted = (result: string) =>
    `evergrant_connect_sessions_total{provider="other",environment="other",result="${result}"}`;
  const connected = await increaseOf(async () => {
    const { callback, cookie } = await connect();
    await back(callback, cookie);
  });
  expect(connected).toMatchObject({ [counted('connected')]: 1 });
  consent.failure = { kind: 'failed', failure: 'access_denied', detail: 'no', response: null };
  const denied = await increaseOf(() => connect());
  expect(denied).toMatchObject({ [counted('access_denied')]: 1 });
  expect(denied).not.toHaveProperty([counted('connected')]);
});

it('C09 lets the person try again after access_denied, without the link in the page', async () => {
  const session = await create();
  const { callback, cookie } = await start(session);
  consent.failure = {
    kind: 'failed',
    failure: 'access_denied',
    detail: 'no',
    response: null,
  };
  const denied = await back(callback, cookie);
  expect(denied).toMatchObject({ status: 200, text: expect.stringContaining('You declined') });
  expect(denied.text).not.toContain(pathOf(session));
  const again = await back(`/connect/again/${session.id}`, cookie);
  expect(again.headers.get('location')).toBe(pathOf(session));
  expect((await back(pathOf(session), cookie)).text).toContain('You declined');
  consent.failure = null;
  const retried = await start(session);
  expect((await back(retried.callback, retried.cookie)).status).toBe(200);
});

it('C10 C11 refuses other subjects, subjects of another account, and missing scopes, and stores nothing', async () => {
  const { session } = await connect();
  const reconnect = async (body: object = {}) => {
    const path = `/api/admin/accounts/${session.account_id}/reconnect`;
    const created = await send('POST', path, { body });
    const { callback, cookie } = await start(created.body);
    await back(callback, cookie);
    return sessionOf(created.body.id);
  };
  const before = await api.store.accounts.find(api.organisation, session.account_id);
  const subject = consent.subject;
  consent.subject = randomUUID();
  expect(await reconnect()).toMatchObject({
    status: 'refused',
    failure: { code: 'different_subject' },
  });
  consent.scopes = ['read'];
  consent.subject = subject;
  expect(await reconnect({ required_scopes: ['write'] })).toMatchObject({
    failure: { code: 'missing_scopes', detail: 'write' },
  });
  consent.scopes = null;
  expect((await connect()).after).toMatchObject({
    status: 'refused',
    failure: { code: 'already_connected' },
    other_account_id: session.account_id,
  });
  expect(await api.store.accounts.find(api.organisation, session.account_id)).toEqual(before);
  expect(await reconnect()).toMatchObject({ status: 'connected' });
  const after = await api.store.accounts.find(api.organisation, session.account_id);
  expect(after).toMatchObject({ generation: 2, state: 'active', failedAttempts: 0 });
  consent.subject = randomUUID();
  expect(await reconnect({ allow_subject_change: true })).toMatchObject({ status: 'connected' });
});

it('C14 stores a consent by a workflow if MongoDB fails after the exchange', async () => {
  const session = await create();
  const { callback, cookie } = await start(session);
  const { accounts } = api.store;
  const failing = jest
    .spyOn(accounts, 'create')
    .mockRejectedValueOnce(new Error('connection lost'));
  const answer = await back(callback, cookie);
  failing.mockRestore();
  expect(answer.status).toBe(200);
  await eventually(async () => (await sessionOf(session.id)).status === 'connected');
});

describe('mode app', () => {
  const verifier = randomBytes(32).toString('base64url');
  const app = {
    mode: 'app',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    return_url: 'https://app.example/done',
  };
  const finish = (id: string, code_verifier: string) =>
    send('POST', `/api/connect/sessions/${id}/finish`, { body: { code_verifier } });

  it('C12 stores the consent once the application finishes', async () => {
    const { session, answer, after } = await connect(app);
    expect(answer.status).toBe(303);
    expect(answer.headers.get('location')).toBe(
      `https://app.example/done?connect_session=${session.id}&status=awaiting_finish`,
    );
    expect(after).toMatchObject({ status: 'awaiting_finish' });
    expect(await api.store.accounts.find(api.organisation, session.account_id)).toBeNull();
    expect((await finish(session.id, verifier)).body).toMatchObject({ status: 'connected' });
    expectError(await finish(session.id, verifier), 409, 'conflict');
  });

  it('C12 drops and revokes the consent with another verifier', async () => {
    const { session } = await connect(app);
    expectError(await finish(session.id, randomBytes(32).toString('base64url')), 403, 'forbidden');
    expect(consent.revoked).toEqual(['refresh_token', 'access_token']);
    expectError(await finish(session.id, verifier), 409, 'conflict');
    expect(await sessionOf(session.id)).toMatchObject({ failure: { code: 'not_finished' } });
  });
});

it('C01 shows an admin a link on the pages once, and no action to a reader', async () => {
  const signIn = async (key: string) => {
    const signedIn = await send('POST', '/sign-in', {
      key: null,
      text: new URLSearchParams({ key }).toString(),
      headers: FORM,
    });
    const [cookie = ''] = (signedIn.headers.get('set-cookie') ?? '').split(';');
    return cookie;
  };
  const cookie = await signIn(await api.key(['admin']));
  expect((await back('/admin/accounts', cookie)).text).toContain('Connect an account');
  expect((await back('/admin/accounts/connect', cookie)).text).toContain('<option value="ebay">');
  const made = await send('POST', '/admin/accounts/connect', {
    key: null,
    text: new URLSearchParams({
      provider: 'ebay',
      external_id: randomUUID(),
      label: '',
    }).toString(),
    headers: { ...FORM, cookie },
  });
  const [, url = ''] = /href="(http[^"]+\/connect\/[\w-]{43})"/.exec(made.text) ?? [];
  const { callback, cookie: browser } = await start({ url });
  expect((await back(callback, browser)).status).toBe(200);
  const [newest] = (await send('GET', '/api/admin/connect/sessions?limit=1')).body.items;
  const page = `/admin/accounts/${newest.account_id}`;
  expect((await back(page, cookie)).text).toContain('/reconnect-link');
  const link = await send('POST', `${page}/reconnect-link`, {
    key: null,
    headers: { ...FORM, cookie },
  });
  expect(link.text).toMatch(/\/connect\/[\w-]{43}/);
  const reader = await signIn(await api.key(['read']));
  expect((await back('/admin/accounts', reader)).text).not.toContain('Connect an account');
});

it('C18 asks for the inputs of the provider, and names one that is not valid', async () => {
  const input = {
    name: 'shop',
    label: 'Shop',
    example: 'harbour.example',
    normalise: (text: string) => (/^[a-z-]+-[\w-]+$/.test(text) ? text : null),
    isExternalId: true,
  };
  consent.rules = { ...RULES, inputs: [input] };
  const session = await create({ external_id: undefined });
  expect((await back(pathOf(session), '')).text).toContain('Shop</label>');
  const refused = await send('POST', pathOf(session), {
    key: null,
    text: 'shop=%3Cscript%3E',
    headers: FORM,
  });
  expect(refused).toMatchObject({
    status: 400,
    text: expect.stringContaining('Enter a value like'),
  });
  const shop = `shop-${randomUUID()}`;
  await start(session, { shop });
  const corrected = `${shop}-b`;
  const { callback, cookie } = await start(session, { shop: corrected });
  await back(callback, cookie);
  expect(consent.started).toMatchObject({ externalId: corrected, inputs: { shop: corrected } });
  expect(await sessionOf(session.id)).toMatchObject({
    status: 'connected',
    external_id: corrected,
  });
});

it('C17 sends no link, state or code to another page: nothing is framed, and no referrer is sent', async () => {
  const session = await create();
  const { callback, cookie } = await start(session);
  for (const path of [pathOf(session), callback, `/connect/result/${session.id}`]) {
    const { headers } = await send('GET', path, { key: null, headers: { cookie } });
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('cache-control')).toBe('no-store');
  }
  expect((await send('GET', callback, { key: null, headers: { cookie } })).status).toBe(303);
});

it('C04 refuses a start from a page of another site', async () => {
  const session = await create();
  const answer = await send('POST', pathOf(session), {
    key: null,
    headers: { 'sec-fetch-site': 'cross-site' },
  });
  expect(answer.status).toBe(403);
  expect(consent.started).toBeUndefined();
});

it('C04 limits attempts with unknown links, and starts of one link', async () => {
  const unknown = () => back(`/connect/${randomBytes(32).toString('base64url')}`, '');
  for (let tried = 0; tried < 10; tried += 1) expect((await unknown()).status).toBe(410);
  expect(await unknown()).toMatchObject({ status: 429, text: expect.stringContaining('Too many') });
  const session = await create();
  for (let started = 0; started < 10; started += 1) await start(session);
  const refused = await send('POST', pathOf(session), { key: null, text: '', headers: FORM });
  expect(refused.status).toBe(429);
});

it('refuses requests that no session can be made from', async () => {
  const post = (body: object) => send('POST', '/api/admin/connect/sessions', { body });
  const ok = { provider: 'ebay', external_id: 'x' };
  // oxlint-disable-next-line no-await-in-loop -- one request at a time
  for (const body of [
    { ...ok, return_url: 'https://app.example/done/' },
    { ...ok, expires_in: 60 },
    { ...ok, scopes: ['a b'] },
    { ...ok, inputs: { unknown: 'x' } },
    { ...ok, mode: 'app' },
    { provider: 'ebay' },
    { account_id: 'acc_1', provider: 'ebay' },
  ])
    expectError(await post(body), 400, 'invalid_request');
  expectError(await post({ account_id: 'acc_1' }), 404, 'not_found');
  const without = api.with({
    publicUrl: new URL('http://127.0.0.1'),
    consent: Object.assign(new FakeConsent(), { rulesOf: () => null }),
  });
  const flow = await without('POST', '/api/admin/connect/sessions', { body: ok });
  expectError(flow, 422, 'no_consent_flow');
});

it('C01 C02 allows a key with the scope connect to manage sessions, and nothing else', async () => {
  const key = await api.key(['connect']);
  const created = await send('POST', '/api/admin/connect/sessions', {
    key,
    body: { provider: 'ebay', external_id: randomUUID() },
  });
  expect(created.status).toBe(201);
  expectError(await send('GET', '/api/admin/accounts', { key }), 403, 'forbidden');
  const listed = await send('GET', '/api/admin/connect/sessions?limit=1', { key });
  expect(listed.body.items).toMatchObject([{ id: created.body.id }]);
  const path = `/api/admin/connect/sessions/${created.body.id}`;
  const foreign = await api.key(['connect'], `org-${randomUUID()}`);
  expectError(await send('GET', path, { key: foreign }), 404, 'not_found');
  expectError(await send('DELETE', path, { key: foreign }), 404, 'not_found');
  expect((await send('DELETE', path, { key })).body).toMatchObject({ status: 'revoked' });
  expectError(await send('DELETE', path, { key }), 409, 'conflict');
  expect((await back(pathOf(created.body), '')).status).toBe(410);
});

it('C17 shows a result to the browser that started the leg, and to no other', async () => {
  const { session, cookie } = await connect();
  const result = `/connect/result/${session.id}`;
  expect((await back(result, cookie)).text).toContain('is connected to');
  const other = await connect();
  const renamed = `${cookie.split('=')[0]}=${other.cookie.split('=')[1]}`;
  for (const foreign of ['', other.cookie, renamed]) {
    // oxlint-disable-next-line no-await-in-loop -- one browser at a time
    const answer = await back(result, foreign);
    expect(answer).toMatchObject({ status: 400, text: expect.stringContaining('not known') });
  }
});

it('C06 tells a late callback from one of another browser, and lets the person start again', async () => {
  const session = await create();
  const { callback, cookie } = await start(session);
  const at = Date.now() + LEG_LIFE_MS + 1_000;
  const later = api.with({
    consent,
    publicUrl: new URL('http://127.0.0.1'),
    now: () => new Date(at),
  });
  const late = await later('GET', callback, { key: null, headers: { cookie } });
  expect(late.headers.get('location')).toBe('/connect/result/late');
  expect((await back('/connect/result/late', cookie)).text).toContain('took too long');
  expect(consent.exchanges).toBe(0);
  const again = await start(session);
  expect((await back(again.callback, again.cookie)).text).toContain('is connected to');
});

it('C18 escapes the label of an admin and the words of the provider', async () => {
  const session = await create({ label: '<script>alert(1)</script>\u202eevil' });
  const page = await back(pathOf(session), '');
  expect(page.text).not.toContain('<script>alert');
  expect(page.text).toContain('&lt;script&gt;');
  expect(page.text).toContain('\\u202e');
  const { callback, cookie } = await start(session);
  consent.failure = {
    kind: 'failed',
    failure: 'provider_refused',
    detail: '<img src=x onerror=alert(1)>',
    response: null,
  };
  const refused = await back(callback, cookie);
  expect(refused.text).toContain('The provider refused the request.');
  expect(refused.text).not.toContain('onerror');
  const logs = await send('GET', `/api/admin/terminal-logs?account_id=${session.account_id}`);
  expect(logs.body.items[0].message).toContain('<img src=x onerror=alert(1)>');
});

it('C16 writes no code, state, link or verifier to the log, the audit or the database', async () => {
  const { session, callback } = await connect();
  const token = pathOf(session).split('/').at(-1) ?? '';
  const { state = '', verifier } = consent.started ?? {};
  expect(callback).toContain(state);
  const logs = await send('GET', '/api/admin/terminal-logs');
  const audit = await send('GET', '/api/admin/audit');
  const stored = await api.store.connectSessions.find(api.organisation, session.id);
  const written = [...api.logs, logs.text, audit.text, JSON.stringify(stored)].join('\n');
  for (const secret of [token, state, verifier ?? '', 'the-code', ...consent.tokens]) {
    expect(secret).not.toBe('');
    expect(written).not.toContain(secret);
  }
});
