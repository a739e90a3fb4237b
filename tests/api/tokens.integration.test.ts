/** GET /api/tokens/:account_id: a valid token from the fastest source, or the reason why there is none. */

import { Secret } from '../../src/domain/masking/secret';
import { ServiceError } from '../../src/domain/service-error';
import type { ApiDependencies } from '../../src/http/dependencies';
import { grantPlace } from '../../src/vault/vault';
import { eventually } from '../support/eventually';
import { type Answer, type Api, expectError, type Send, startApi } from './_api';

type Account = Awaited<ReturnType<Api['addAccount']>>;

const MINUTE_MS = 60_000;
const BOUND_MS = 5_000;

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
// Each test begins with a healthy OAuth app.
afterEach(() => api.harness.closeCircuits());
afterAll(() => api.stop());

const token = (id: string, query = '') => api.get(`/api/tokens/${id}${query}`);
const requestsFor = (subject: string) =>
  api.sandbox.ledger.filter((entry) => entry.event === 'received' && entry.subject === subject)
    .length;
const hour = { expiresInMs: 60 * MINUTE_MS, refreshedAgoMs: 0 };
const expired = { expiresInMs: -MINUTE_MS };
async function lastSource(id: string): Promise<string | undefined> {
  await api.tokenAccesses.flush();
  const { body } = await api.get(`/api/admin/accounts/${id}/token-accesses?limit=1`);
  return body.items[0]?.source;
}
/** Another API process whose clock is `aheadMs` ahead. The test changes `aheadMs`. */
function withClock() {
  const clock = { aheadMs: 0 };
  const send = api.with({ now: () => new Date(Date.now() + clock.aheadMs) });
  return { clock, ask: (id: string) => send('GET', `/api/tokens/${id}`) };
}

function expectToken(
  answer: Answer,
  accessToken: unknown = expect.stringMatching(/^v\^1\.1#/),
): void {
  expect(answer).toMatchObject({
    status: 200,
    body: {
      active: true,
      access_token: accessToken,
      token_type: 'Bearer',
      expires_at: expect.any(String),
      scopes: expect.any(Array),
      fallback: false,
    },
  });
  expect(answer.headers.get('cache-control')).toBe('no-store');
}

describe('a token that lives long enough', () => {
  it('R3.1 comes from the store, then from memory, without a request to the provider', async () => {
    const account = await api.addAccount(hour);
    const { accessToken } = account.plain;
    const first = await token(account.id);
    expectToken(first, accessToken);
    expect(first.body.expires_at).toBe(account.current.expiresAt);
    expect(first.body).not.toHaveProperty('notice');
    expect(await lastSource(account.id)).toBe('store');
    expectToken(await token(account.id), accessToken);
    expect(await lastSource(account.id)).toBe('memory');
    expect(requestsFor(account.id)).toBe(0);
  });

  it('R3.1 is not refreshed only because a sweep would refresh it', async () => {
    const { id } = await api.addAccount({ expiresInMs: 10 * MINUTE_MS });
    expectToken(await token(id, '?min_valid_seconds=300'));
    expect(requestsFor(id)).toBe(0);
  });
});

describe('a token that expires too soon', () => {
  it('R3.1 R4.4 is refreshed on request after its expiry', async () => {
    const { id, plain } = await api.addAccount(expired);
    const answer = await token(id);
    expectToken(answer);
    expect(answer.body.access_token).not.toBe(plain.accessToken);
    expect(api.sandbox.isAccessTokenActive(answer.body.access_token)).toBe(true);
    expect(Date.parse(answer.body.expires_at)).toBeGreaterThan(Date.now() + 100 * MINUTE_MS);
    expect(await lastSource(id)).toBe('refresh');
    expect(requestsFor(id)).toBe(1);
    const [entry] = await api.harness.entries(id);
    expect(entry).toMatchObject({ source: 'api', action: 'token_refreshed' });
    expectToken(await token(id), answer.body.access_token);
    expect(requestsFor(id)).toBe(1);
  });

  it('R3.1 is refreshed before a sweep would refresh it', async () => {
    const { id } = await api.addAccount(hour);
    const answer = await token(id, '?min_valid_seconds=5400');
    expectToken(answer);
    expect(Date.parse(answer.body.expires_at)).toBeGreaterThan(Date.now() + 90 * MINUTE_MS);
    expect(requestsFor(id)).toBe(1);
  });

  it('R4.4 is refreshed for an account that was connected with a refresh token alone', async () => {
    const { id } = await api.connect();
    expectToken(await token(id));
  });

  it('R3.1 is refreshed if the stored token cannot be decrypted', async () => {
    const account = await api.addAccount(hour);
    const { current } = account;
    const place = grantPlace({ ...account, id: 'x' }, 2);
    const moved = api.harness.vault.sealToken('x', place, 'access_token');
    const grant = { ...current, accessToken: moved };
    await api.store.accounts.patch(api.organisation, account.id, { grant }, new Date());
    expectToken(await token(account.id));
    expect(requestsFor(account.id)).toBe(1);
  });

  it.each(['-1', '1.5', 'soon', '86401'])('refuses min_valid_seconds=%s', async (wrong) => {
    const { id } = await api.addAccount(hour);
    expectError(await token(id, `?min_valid_seconds=${wrong}`), 400, 'invalid_request');
  });
});

describe('a provider whose tokens never live as long as requested', () => {
  it('R3.1 gets one request, not one per use, and the response has a notice', async () => {
    const { refresh_token } = api.sandbox.issueGrant({
      provider: 'ebay',
      subject: 'short-lived',
      accessTokenLifeSeconds: 120,
    });
    const { id } = await api.connect({ refresh_token });
    for (let use = 0; use < 5; use += 1) {
      const answer = await token(id, '?min_valid_seconds=600');
      expectToken(answer);
      expect(answer.body.notice).toEqual({
        code: 'short_lived',
        message: expect.stringContaining('min_valid_seconds'),
      });
      expect(Date.parse(answer.body.expires_at)).toBeLessThanOrEqual(Date.now() + 120_000);
    }
    expect(requestsFor('short-lived')).toBe(1);
  });
});

describe('a response without a token', () => {
  it('R3.1 says needs_reconnect with an explanation if the provider refuses, after one request', async () => {
    const account = await api.addAccount(expired);
    api.sandbox.revoke(account.plain.refreshToken);
    for (let use = 0; use < 3; use += 1) {
      expect((await token(account.id)).body).toEqual({
        active: false,
        reason: 'needs_reconnect',
        message: expect.stringMatching(/owner must reconnect the account\.$/),
        retry_after_seconds: null,
      });
    }
    expect(requestsFor(account.id)).toBe(1);
    await api.tokenAccesses.flush();
    const { body } = await api.get(`/api/admin/accounts/${account.id}/token-accesses`);
    expect(body.items).toEqual([]);
  });

  it('R3.1 follows for a disabled account, even while its token is valid', async () => {
    const { id } = await api.addAccount(hour);
    await api.patch(`/api/admin/accounts/${id}`, { disabled: true });
    expect((await token(id)).body).toEqual({
      active: false,
      reason: 'disabled',
      message: 'Disabled by an admin.',
      retry_after_seconds: null,
    });
  });

  it('R3.1 has the reason and a retry time if the provider is down, without a request per use', async () => {
    const { id } = await api.addAccount(expired);
    const body = JSON.stringify({ error: 'invalid_client' });
    api.sandbox.script({ subject: id, answer: { kind: 'respond', status: 401, body } });
    for (let use = 0; use < 3; use += 1) {
      expect((await token(id)).body).toEqual({
        active: false,
        reason: 'invalid_client',
        message: expect.stringContaining('client id and secret'),
        retry_after_seconds: 10,
      });
    }
    expect(requestsFor(id)).toBe(1);
    expect(await api.harness.account(id)).toMatchObject({ state: 'active' });
  });

  it('R3.1 has the wait that a throttling provider asked for, and the wait is kept', async () => {
    const { id } = await api.addAccount(expired);
    api.sandbox.script({ subject: id, answer: { kind: 'rate_limited', retryAfter: '120' } });
    for (let use = 0; use < 2; use += 1) {
      const { body } = await token(id);
      expect(body).toMatchObject({ active: false, reason: 'rate_limited' });
      expect(body.retry_after_seconds).toBeGreaterThan(100);
    }
    expect(requestsFor(id)).toBe(1);
  });
});

describe('a token that is still valid while its refresh fails', () => {
  it('R3.1 is served with its true expiry, and a notice has the reason', async () => {
    const account = await api.addAccount({ expiresInMs: 10 * MINUTE_MS });
    const heal = api.sandbox.script({
      subject: account.id,
      times: Infinity,
      answer: { kind: 'unavailable' },
    });
    for (let use = 0; use < 3; use += 1) {
      const answer = await token(account.id, '?min_valid_seconds=3600');
      expectToken(answer, account.plain.accessToken);
      expect(answer.body).toMatchObject({
        expires_at: account.current.expiresAt,
        notice: { code: 'provider_unavailable', message: expect.any(String) },
      });
    }
    heal();
    await eventually(async () => (await api.harness.account(account.id)).generation === 2);
  });

  it('R3.1 is served while Temporal is unreachable, and an expired one gets a 503', async () => {
    const away = () => Promise.reject(Object.assign(new Error('14 UNAVAILABLE'), UNAVAILABLE));
    const refreshes = {
      refresh: away,
      refreshForUse: away,
      validate: away,
      progress: away,
      startSweep: away,
      ping: away,
      serverVersion: away,
    };
    const send = api.with({ refreshes });
    const living = await api.addAccount({ expiresInMs: MINUTE_MS });
    const answer = await send('GET', `/api/tokens/${living.id}?min_valid_seconds=3600`);
    expectToken(answer, living.plain.accessToken);
    expect(answer.body.notice).toMatchObject({ code: 'temporal_unavailable' });
    const ended = await api.addAccount(expired);
    const refused = await send('GET', `/api/tokens/${ended.id}`);
    expectError(refused, 503, 'temporal_unavailable');
    expect(refused.headers.get('retry-after')).toBe('5');
  });

  it('R3.1 is served after ten seconds if the refresh takes longer, and so is a fallback', async () => {
    const never = () => new Promise<never>(() => undefined);
    const send = api.with({
      refreshes: {
        refresh: never,
        refreshForUse: never,
        validate: never,
        progress: never,
        startSweep: never,
        ping: never,
        serverVersion: never,
      },
    });
    const living = await api.addAccount({ expiresInMs: MINUTE_MS });
    const ended = await api.addAccount(expired);
    await api.patch(`/api/admin/accounts/${ended.id}`, { fallback_access_token: 'last-resort' });
    const [own, fallback] = await Promise.all([
      send('GET', `/api/tokens/${living.id}?min_valid_seconds=3600`),
      send('GET', `/api/tokens/${ended.id}`),
    ]);
    expectToken(own, living.plain.accessToken);
    expect(own.body.notice).toMatchObject({ code: 'still_running' });
    expect(fallback.body).toMatchObject({ access_token: 'last-resort', fallback: true });
  });
});

describe('a token in memory', () => {
  it('R3.1 is served for at most five seconds after it was replaced', async () => {
    const { clock, ask } = withClock();
    const account = await api.addAccount(hour);
    const old = account.plain.accessToken;
    expectToken(await ask(account.id), old);
    const { refresh_token } = api.consent();
    await api.patch(`/api/admin/accounts/${account.id}`, { refresh_token });
    clock.aheadMs = BOUND_MS;
    expectToken(await ask(account.id), expect.not.stringContaining(old));
  });

  it.each<[string, (account: Account) => Promise<unknown>, object]>([
    [
      'disabled',
      ({ id }) => api.patch(`/api/admin/accounts/${id}`, { disabled: true }),
      { active: false, reason: 'disabled' },
    ],
    [
      'refused',
      ({ id, plain }) => {
        api.sandbox.revoke(plain.refreshToken);
        return api.post(`/api/admin/accounts/${id}/refresh`, { force: true });
      },
      { active: false, reason: 'needs_reconnect' },
    ],
    [
      'removed',
      ({ id }) => api.delete(`/api/admin/accounts/${id}`),
      { error: { code: 'not_found' } },
    ],
  ])(
    'R3.1 is served for at most five seconds after its account was %s',
    async (_how, change, body) => {
      const { clock, ask } = withClock();
      const account = await api.addAccount(hour);
      expectToken(await ask(account.id));
      await change(account);
      clock.aheadMs = BOUND_MS;
      expect((await ask(account.id)).body).toMatchObject(body);
      // A clock that is set back does not bring it back.
      clock.aheadMs = 0;
      expect((await ask(account.id)).body).toMatchObject(body);
    },
  );

  it('R3.1 is served for five seconds while MongoDB is unreachable, then a 503 has a retry time', async () => {
    const { id } = await api.addAccount(hour);
    const clock = { aheadMs: 0 };
    const text = 'a-configured-key-for-uses';
    const down = { is: false };
    const accounts = Object.create(api.store.accounts, {
      find: {
        value: (...args: [string, string]) =>
          down.is
            ? Promise.reject(
                Object.assign(new Error('away'), { name: 'MongooseServerSelectionError' }),
              )
            : api.store.accounts.find(...args),
      },
    });
    const principal = {
      keyId: 'configured',
      organisation: api.organisation,
      scopes: ['tokens' as const],
    };
    const send = api.with({
      now: () => new Date(Date.now() + clock.aheadMs),
      store: { ...api.store, accounts },
      configuredKeys: [{ key: new Secret(text), principal }],
    });
    const ask = () => send('GET', `/api/tokens/${id}`, { key: text });
    expectToken(await ask());
    down.is = true;
    expectToken(await ask());
    clock.aheadMs = BOUND_MS;
    const refused = await ask();
    expectError(refused, 503, 'database_unavailable');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('R3.1 is never served to another organisation', async () => {
    const { id } = await api.addAccount(hour);
    expectToken(await token(id));
    const key = await api.key(['tokens'], 'org-of-somebody-else');
    const answer = await api.send('GET', `/api/tokens/${id}`, { key });
    expectError(answer, 404, 'not_found');
  });
});

describe('the fallback token', () => {
  const FALLBACK = 'a-static-token-of-last-resort';
  const configured = (id: string, members: object = {}) =>
    api.patch(`/api/admin/accounts/${id}`, { fallback_access_token: FALLBACK, ...members });
  const handed = { active: true, access_token: FALLBACK, token_type: 'Bearer', fallback: true };

  it('R3.2 is served with fallback: true if the refresh fails, and never otherwise', async () => {
    const account = await api.addAccount(expired);
    const end = new Date(Date.now() + 60 * MINUTE_MS).toISOString();
    expect((await configured(account.id, { fallback_expires_at: end })).status).toBe(200);
    const own = await token(account.id);
    expectToken(own);
    expect(own.body.access_token).not.toBe(FALLBACK);

    api.sandbox.revoke(account.plain.refreshToken);
    await api.post(`/api/admin/accounts/${account.id}/refresh`, { force: true });
    const other = api.with({});
    const answer = await other('GET', `/api/tokens/${account.id}`);
    expect(answer.body).toEqual({ ...handed, expires_at: end, scopes: [] });
    expect(await lastSource(account.id)).toBe('fallback');
  });

  it('R3.2 is served while the provider is down and the token of the account has expired', async () => {
    const { id } = await api.addAccount(expired);
    await configured(id);
    api.sandbox.script({ subject: id, times: 5, answer: { kind: 'unavailable' } });
    expect((await token(id)).body).toEqual({ ...handed, expires_at: null, scopes: [] });
  });

  it('R3.2 does not replace a valid token, and is not served for a disabled account', async () => {
    const account = await api.addAccount({ expiresInMs: 10 * MINUTE_MS });
    await configured(account.id);
    api.sandbox.script({ subject: account.id, answer: { kind: 'rate_limited', retryAfter: '9' } });
    const answer = await token(account.id, '?min_valid_seconds=3600');
    expectToken(answer, account.plain.accessToken);
    await api.patch(`/api/admin/accounts/${account.id}`, { disabled: true });
    const disabled = await api.with({})('GET', `/api/tokens/${account.id}`);
    expect(disabled.body).toMatchObject({ active: false, reason: 'disabled' });
  });

  it('R3.2 is not served after it expired or was removed', async () => {
    const account = await api.addAccount(expired);
    api.sandbox.revoke(account.plain.refreshToken);
    await configured(account.id, { fallback_expires_at: new Date(Date.now() - 1).toISOString() });
    expect((await token(account.id)).body).toMatchObject({ active: false });
    await configured(account.id);
    expect((await token(account.id)).body).toMatchObject(handed);
    await api.patch(`/api/admin/accounts/${account.id}`, { fallback_access_token: null });
    expect((await token(account.id)).body).toMatchObject({ active: false });
  });

  it('R3.2 is encrypted, shown only as a fingerprint, and kept by a reconnect', async () => {
    const { id } = await api.connect({ fallback_access_token: FALLBACK });
    const stored = (await api.harness.account(id)).fallback;
    expect(stored?.accessToken).toMatch(/^ENC:v1:/);
    const { refresh_token } = api.consent();
    const shown = await api.patch(`/api/admin/accounts/${id}`, { refresh_token });
    expect(shown.body.fallback).toEqual({
      access_token_fingerprint: api.harness.vault.fingerprint(FALLBACK),
      expires_at: null,
    });
    expect(shown.text).not.toContain(FALLBACK);
    expect(api.logs.join()).not.toContain(FALLBACK);
  });

  it.each([
    { fallback_expires_at: '2030-01-01T00:00:00Z' },
    { fallback_access_token: 'ENC:v1:k1:abc' },
    { fallback_access_token: '' },
    { fallback_access_token: 7 },
  ])('R3.2 refuses %j', async (wrong) => {
    const { id } = await api.addAccount(hour);
    expectError(await api.patch(`/api/admin/accounts/${id}`, wrong), 400, 'invalid_request');
  });
});

describe('repeated requests for a token over HTTP', () => {
  let send: Send;
  beforeAll(async () => {
    send = await api.served();
  });
  /** Without the request id and the time of the response. */
  const withoutId = ({ headers }: Answer) =>
    Object.fromEntries([...headers].filter(([name]) => name !== 'x-request-id' && name !== 'date'));

  it('R3.1 get the same headers and body, each with a different request id', async () => {
    const { id } = await api.addAccount(hour);
    const key = await api.key(['tokens']);
    const answers: Answer[] = [];
    for (let asked = 0; asked < 3; asked += 1)
      answers.push(await send('GET', `/api/tokens/${id}`, { key }));
    const [first, ...others] = answers as [Answer, ...Answer[]];
    expect(first.headers.get('content-type')).toBe('application/json');
    for (const other of others) {
      expect(other.status).toBe(200);
      expect(other.body).toEqual(first.body);
      expect(withoutId(other)).toEqual(withoutId(first));
    }
    const ids = answers.map(({ headers }) => headers.get('x-request-id'));
    expect(new Set(ids).size).toBe(answers.length);
  });

  it('keep the request id of the caller if it is well formed', async () => {
    const { id } = await api.addAccount(hour);
    const ask = (given: string) =>
      send('GET', `/api/tokens/${id}`, { headers: { 'x-request-id': given } });
    expect((await ask('mine-1')).headers.get('x-request-id')).toBe('mine-1');
    expect((await ask('y'.repeat(255))).headers.get('x-request-id')).toBe('y'.repeat(255));
    for (const odd of ['a b', 'x'.repeat(256), '<script>'])
      expect((await ask(odd)).headers.get('x-request-id')).not.toBe(odd);
  });

  it('R3.1 are recorded, each with its request id and the source of its token', async () => {
    const { id } = await api.addAccount(hour);
    const ids: (string | null)[] = [];
    for (let asked = 0; asked < 3; asked += 1)
      ids.push((await send('GET', `/api/tokens/${id}`)).headers.get('x-request-id'));
    await api.tokenAccesses.flush();
    const { body } = await api.get(`/api/admin/accounts/${id}/token-accesses`);
    const recorded = body.items.toReversed();
    expect(recorded.map((one: any) => one.request_id)).toEqual(ids);
    expect(recorded.map((one: any) => one.source)).toEqual(['store', 'memory', 'memory']);
  });

  it('are refused without the scope, with invalid queries and for an unknown account, before and after a served token', async () => {
    const { id } = await api.addAccount(hour);
    for (let round = 0; round < 2; round += 1) {
      for (const query of [
        'min_valid_seconds=soon',
        'min_valid_seconds=86401',
        'min_valid_seconds=-1',
        'min_valid_seconds=60&min_valid_seconds=60',
        'organisation[$ne]=x',
      ])
        expectError(await send('GET', `/api/tokens/${id}?${query}`), 400, 'invalid_request');
      expectError(await send('GET', '/api/tokens/acc_nobody'), 404, 'not_found');
      const key = await api.key(['read']);
      const forbidden = await send('GET', `/api/tokens/${id}`, { key });
      expectError(forbidden, 403, 'forbidden');
      expect(forbidden.headers.get('www-authenticate')).toContain('insufficient_scope');
      const unknown = await send('GET', `/api/tokens/${id}`, { key: null });
      expectError(unknown, 401, 'unauthenticated');
      const { 'www-authenticate': challenge, ...headers } = withoutId(unknown);
      expect(challenge).toBe('Bearer realm="evergrant"');
      const served = await send('GET', `/api/tokens/${id}`);
      const dated = ['date', 'content-length'];
      const named = (all: object) =>
        Object.fromEntries(Object.entries(all).filter(([name]) => !dated.includes(name)));
      expect(named(headers)).toEqual(named(withoutId(served)));
    }
  });

  it('accept a percent-encoded parameter, and no other method', async () => {
    const { id } = await api.addAccount(hour);
    const encoded = id.replace('_', '%5F');
    expectToken(await send('GET', `/api/tokens/${encoded}`));
    const key = await api.key(['tokens']);
    const url = `/api/tokens/${id}`;
    expectError(await send('POST', url, { key, body: {} }), 404, 'not_found');
    expectError(await send('POST', url, { key: null, body: {} }), 401, 'unauthenticated');
  });

  it('get the error of a refresh that cannot finish, with one refresh per request', async () => {
    const refreshForUse = jest.fn(() =>
      Promise.reject(new ServiceError('still_running', 'The refresh is still running.')),
    );
    const refreshes = { refreshForUse } as unknown as ApiDependencies['refreshes'];
    const failing = await api.served({ refreshes });
    const { id } = await api.addAccount({ expiresInMs: -1000 });
    const key = await api.key(['tokens']);
    const answers: Answer[] = [];
    for (let asked = 0; asked < 2; asked += 1)
      answers.push(await failing('GET', `/api/tokens/${id}`, { key }));
    for (const answer of answers) expectError(answer, 504, 'still_running');
    const [first, second] = answers as [Answer, Answer];
    expect(withoutId(second)).toEqual(withoutId(first));
    expect(refreshForUse).toHaveBeenCalledTimes(2);
  });

  it('are refused at once for a changed key, and after five seconds for a revoked key', async () => {
    const clock = { aheadMs: 0 };
    const later = await api.served({ now: () => new Date(Date.now() + clock.aheadMs) });
    const { id } = await api.addAccount(hour);
    const key = await api.key(['tokens']);
    expect((await later('GET', `/api/tokens/${id}`, { key })).status).toBe(200);
    const altered = `${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`;
    expectError(await later('GET', `/api/tokens/${id}`, { key: altered }), 401, 'unauthenticated');
    const [, keyId = ''] = /^evg_([0-9a-f]{16})_/.exec(key) ?? [];
    await api.store.apiKeys.revoke(api.organisation, keyId);
    clock.aheadMs = BOUND_MS;
    expectError(await later('GET', `/api/tokens/${id}`, { key }), 401, 'unauthenticated');
  });

  it('get a 429 after too many refused keys of an address, unless the key is accepted', async () => {
    const guarded = await api.served();
    const { id } = await api.addAccount(hour);
    const guess = () => guarded('GET', `/api/tokens/${id}`, { key: 'not-a-key' });
    const statuses: number[] = [];
    for (let failed = 0; failed < 31; failed += 1) statuses.push((await guess()).status);
    expect(statuses).toEqual([...Array.from({ length: 30 }, () => 401), 429]);
    const waiting = await guess();
    expectError(waiting, 429, 'too_many_failures');
    expect(Number(waiting.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await guarded('GET', `/api/tokens/${id}`)).status).toBe(200);
  });
});

it('no response but that of the token route contains a token', () => {
  expect(api.leaks()).toEqual([]);
});

/** The error as gRPC reports it. */
const UNAVAILABLE = { code: 14, details: 'away', metadata: {} };
