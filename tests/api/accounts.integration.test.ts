/** Accounts over the API: connect, list, show, change, delete. */

import { randomUUID } from 'node:crypto';
import { AccountState } from '../../src/domain/account/account';
import { grantPlace } from '../../src/vault/vault';
import { type Api, expectError, startApi } from './_api';

const MINUTE_MS = 60_000;

let api: Api;
beforeAll(async () => {
  api = await startApi({ worker: false });
});
afterAll(() => api.stop());

const show = async (id: string) => (await api.get(`/api/admin/accounts/${id}`)).body;
const inMinutes = (minutes: number) => new Date(Date.now() + minutes * MINUTE_MS).toISOString();

describe('connecting an account', () => {
  const members = () => ({
    provider: 'ebay',
    external_id: `shop-${randomUUID()}`,
    refresh_token: api.consent().refresh_token,
  });

  it('needs only a refresh token, and the account is due at once', async () => {
    const input = members();
    const answer = await api.post('/api/admin/accounts', input);
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({
      id: expect.stringMatching(/^acc_[0-9a-f]{24}$/),
      organisation: api.organisation,
      provider: 'ebay',
      environment: 'production',
      external_id: input.external_id,
      label: input.external_id,
      kind: null,
      status: 'expired',
      due: { due: true, reason: 'access_token_expires' },
      generation: 1,
      scopes: [],
      last_attempt: null,
      last_error: null,
      failed_attempts: 0,
    });
    const { warnings, ...shown } = answer.body;
    expect(warnings).toEqual([]);
    expect(await show(answer.body.id)).toMatchObject({ ...shown, due: expect.anything() });
  });

  it('keeps all members of the request', async () => {
    const { access_token, refresh_token } = api.consent();
    const day = (days: number) => inMinutes(days * 24 * 60).slice(0, 10);
    const told = {
      ...members(),
      refresh_token,
      environment: 'sandbox',
      label: 'Café Zürich 🌱',
      kind: 'booking',
      scopes: ['https://api.ebay.com/oauth/api_scope', 'more'],
    };
    const answer = await api.post('/api/admin/accounts', {
      ...told,
      access_token,
      expires_at: `${day(300)}T02:00:00+02:00`,
      refresh_token_expires_at: `${day(7_000)}T00:00:00Z`,
    });
    const { refresh_token: _never, ...shown } = told;
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({
      ...shown,
      expires_at: `${day(300)}T00:00:00.000Z`,
      refresh_token_expires_at: `${day(7_000)}T00:00:00.000Z`,
      status: 'ok',
      due: { due: false, reason: 'fresh' },
      access_token_fingerprint: api.harness.vault.fingerprint(access_token),
      refresh_token_fingerprint: api.harness.vault.fingerprint(refresh_token),
    });
  });

  it('counts an access token without an expiry as expired', async () => {
    const { access_token } = api.consent();
    const account = await api.connect({ access_token });
    expect(account).toMatchObject({ status: 'expired', due: { due: true } });
  });

  it('shows no access token and no refresh until the first refresh', async () => {
    const { refresh_token } = api.consent();
    const account = await api.connect({ refresh_token });
    expect(account).toMatchObject({
      status: 'expired',
      status_reason: 'The account has no access token yet. The first refresh obtains one.',
      expires_at: null,
      access_token_fingerprint: null,
      last_refreshed_at: null,
      due: {
        due: true,
        reason: 'access_token_expires',
        explanation:
          'Due: the next sweep refreshes it. The account has no access token yet. The first refresh obtains one.',
      },
    });
    const { current } = await api.harness.account(account.id);
    expect(current).toMatchObject({ accessToken: null, accessTokenFingerprint: null });
  });

  it('counts the age of a grant that was never refreshed from its submission', async () => {
    const { access_token, refresh_token } = api.consent();
    const account = await api.connect({ access_token, refresh_token, expires_at: inMinutes(300) });
    expect(account.last_refreshed_at).toBeNull();
    expect(account.due.explanation).toMatch(
      /The grant was entered at [\d: -]+UTC\. Evergrant refreshes it at least every 1 h/,
    );
  });

  it('encrypts both tokens before it stores them', async () => {
    const { access_token, refresh_token } = api.consent();
    const { id } = await api.connect({ access_token, refresh_token, expires_at: inMinutes(60) });
    const account = await api.harness.account(id);
    const { current } = account;
    const place = grantPlace(account, 1);
    expect(current.refreshToken).toMatch(/^ENC:v1:k1:/);
    expect(current.accessToken).toMatch(/^ENC:v1:k1:/);
    const { vault } = api.harness;
    expect(vault.openToken(current.refreshToken ?? '', place, 'refresh_token')).toBe(refresh_token);
    expect(vault.openToken(current.accessToken ?? '', place, 'access_token')).toBe(access_token);
  });

  it.each([
    ['a provider that is not configured', { provider: 'shopware' }, /^provider: .*ebay/],
    [
      'an environment that is not configured',
      { environment: 'moon' },
      /^environment: .*production/,
    ],
    ['an unknown member', { refreshtoken: 'x' }, /refreshtoken/],
    ['an organisation', { organisation: 'theirs' }, /organisation/],
    ['no external id', { external_id: undefined }, /^external_id: /],
    ['an empty external id', { external_id: '' }, /^external_id: /],
    ['no refresh token', { refresh_token: undefined }, /^refresh_token: /],
    ['an empty refresh token', { refresh_token: '' }, /^refresh_token: /],
    ['a refresh token that is not a string', { refresh_token: 7 }, /^refresh_token: /],
    ['a time without a zone', { expires_at: '2030-01-01T00:00:00' }, /^expires_at: /],
    ['scopes that are not strings', { scopes: [7] }, /^scopes: /],
    ['a label that is too long', { label: 'x'.repeat(201) }, /^label: /],
  ])('refuses %s, and names the member', async (_what, wrong, sentence) => {
    const answer = await api.post('/api/admin/accounts', { ...members(), ...wrong });
    expectError(answer, 400, 'invalid_request');
    expect(answer.body.error.message).toMatch(sentence);
  });

  it.each(['refresh_token', 'access_token'])(
    'R1.4 refuses ciphertext as %s, with an explanation',
    async (member) => {
      const answer = await api.post('/api/admin/accounts', {
        ...members(),
        [member]: `ENC:v1:k1:${api.consent().refresh_token}`,
      });
      expectError(answer, 400, 'invalid_request');
      expect(answer.body.error.message).toMatch(
        new RegExp(`^${member}: is ciphertext .*as the provider issued it`),
      );
    },
  );

  it('names the member that begins with white space, and does not quote it', async () => {
    const refresh_token = `${api.consent().refresh_token}\n`;
    const answer = await api.post('/api/admin/accounts', { ...members(), refresh_token });
    expectError(answer, 400, 'invalid_request');
    expect(answer.body.error.message).toBe(
      'refresh_token: begins or ends with white space: remove it',
    );
  });

  it('refuses the same account twice, also in concurrent requests, and says what to do', async () => {
    const input = members();
    const answers = await Promise.all([1, 2, 3].map(() => api.post('/api/admin/accounts', input)));
    const statuses = answers.map(({ status }) => String(status));
    expect(statuses.toSorted()).toEqual(['201', '409', '409']);
    const again = await api.post('/api/admin/accounts', input);
    expectError(again, 409, 'conflict');
    expect(again.body.error.message).toContain('PATCH');
  });

  it('accepts the same external id for another kind, environment or organisation', async () => {
    const input = members();
    const elsewhere = await api.key(['admin'], `org-${randomUUID()}`);
    const answers = [
      await api.post('/api/admin/accounts', input),
      await api.post('/api/admin/accounts', { ...input, kind: 'stopsale' }),
      await api.post('/api/admin/accounts', { ...input, environment: 'sandbox' }),
      await api.send('POST', '/api/admin/accounts', { key: elsewhere, body: input }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
  });
});

describe('an invalid body', () => {
  const create = (text: string, headers: Record<string, string> = {}) =>
    api.send('POST', '/api/admin/accounts', { text, headers });

  it.each(['{"provider": "ebay",', 'provider=ebay', '\u0000', ''])(
    'is refused: %j',
    async (text) => {
      expectError(await create(text), 400, 'invalid_request');
    },
  );

  it.each(['[]', 'null', '"ebay"', '7'])('is refused if it is not an object: %s', async (text) => {
    expectError(await create(text), 400, 'invalid_request');
  });

  it('is refused if it is too large, with and without a Content-Length', async () => {
    const label = 'x'.repeat(256 * 1024);
    const text = JSON.stringify({ label });
    expectError(await create(text), 413, 'payload_too_large');
    const length = { 'content-length': String(text.length) };
    expectError(await create(text, length), 413, 'payload_too_large');
  });

  it.each(['application/x-www-form-urlencoded', 'text/plain'])(
    'is refused if it is declared as %s, so that no member is silently ignored',
    async (type) => {
      const { id } = await api.connect();
      const headers = { 'content-type': type };
      const requests = [
        ['PATCH', `/api/admin/accounts/${id}`, { disabled: true }],
        ['POST', `/api/admin/accounts/${id}/refresh`, { force: true }],
        ['POST', '/api/admin/internal/refresh-tokens', { provider: 'ebay' }],
      ] as const;
      for (const [method, path, body] of requests) {
        const answer = await api.send(method, path, { body, headers });
        expectError(answer, 415, 'unsupported_media_type');
        expect(answer.body.error.message).toContain('application/json');
      }
    },
  );
});

describe('the list of accounts', () => {
  let key: string;
  let organisation: string;
  beforeEach(async () => {
    organisation = `org-${randomUUID()}`;
    key = await api.key(['read'], organisation);
  });
  const list = (query = '') => api.send('GET', `/api/admin/accounts${query}`, { key });
  const idsOf = async (query: string) => {
    const answer = await list(query);
    expect(answer.status).toBe(200);
    return answer.body.items.map(({ id }: { id: string }) => id).toSorted();
  };

  it('contains every account exactly once, page by page', async () => {
    const accounts = [];
    for (let count = 0; count < 7; count += 1)
      accounts.push(await api.addAccount({ organisation }));
    const seen: string[] = [];
    const sizes: number[] = [];
    for (let next: string | null = ''; next !== null; ) {
      const page = await list(`?limit=3${next === '' ? '' : `&cursor=${next}`}`);
      seen.push(...page.body.items.map(({ id }: { id: string }) => id));
      sizes.push(page.body.items.length);
      next = page.body.next_cursor;
    }
    expect(sizes).toEqual([3, 3, 1]);
    expect(seen.toSorted()).toEqual(accounts.map(({ id }) => id).toSorted());
  });

  it('has no further page after a last page that is full', async () => {
    await api.addAccount({ organisation });
    await api.addAccount({ organisation });
    expect((await list('?limit=2')).body).toMatchObject({ next_cursor: null });
  });

  it.each([
    ['expires_at', ['second', '=', '=', 'fourth']],
    ['label', ['Third', 'first', 'fourth', 'second']],
  ])('is sorted by %s, page by page, also with equal values', async (sort, order) => {
    const minutes = { first: 60, second: 30, Third: 60, fourth: 90 };
    const now = Date.now();
    const ids: string[] = [];
    for (const [label, left] of Object.entries(minutes)) {
      const { id, current } = await api.addAccount({ organisation, label });
      // Exact to the millisecond, so that two tokens expire at the same moment.
      const expiresAt = new Date(now + left * MINUTE_MS).toISOString();
      const grant = { ...current, expiresAt };
      await api.store.accounts.patch(organisation, id, { grant }, new Date());
      ids.push(id);
    }
    const [first, , third] = ids;
    const equals = (first ?? '') < (third ?? '') ? ['first', 'Third'] : ['Third', 'first'];
    const expected = order.map((label) => (label === '=' ? equals.shift() : label));
    const seen: string[] = [];
    for (let next: string | null = ''; next !== null; ) {
      const page = await list(`?sort=${sort}&limit=1${next === '' ? '' : `&cursor=${next}`}`);
      seen.push(...page.body.items.map(({ label }: { label: string }) => label));
      next = page.body.next_cursor;
    }
    expect(seen).toEqual(expected);
  });

  it('finds a text in the label, the external id or the id, ignoring case, and not as a pattern', async () => {
    const shop = await api.addAccount({ organisation, label: 'Berlin (Mitte) 50%' });
    const other = await api.addAccount({ organisation, label: 'Hamburg' });
    await api.addAccount({ organisation: `org-${randomUUID()}`, label: 'Berlin' });
    const q = (text: string) => idsOf(`?q=${encodeURIComponent(text)}`);
    expect(await q('berlin')).toEqual([shop.id]);
    expect(await q(' (mitte) ')).toEqual([shop.id]);
    expect(await q('50%')).toEqual([shop.id]);
    expect(await q(other.externalId.toUpperCase())).toEqual([other.id]);
    expect(await q(other.id)).toEqual([other.id]);
    expect(await q('.*')).toEqual([]);
    expect(await q('b-e')).toEqual([]);
    expect(await q('')).toEqual([shop.id, other.id].toSorted());
    expect(await idsOf('?q=berlin&environment=sandbox')).toEqual([]);
  });

  it('refuses a cursor of another sort order', async () => {
    await api.addAccount({ organisation });
    await api.addAccount({ organisation });
    const { next_cursor } = (await list('?limit=1&sort=label')).body;
    expectError(await list(`?sort=expires_at&cursor=${next_cursor}`), 400, 'invalid_request');
  });

  it('continues after the cursor when the account of the cursor was deleted', async () => {
    const ids = [];
    for (let count = 0; count < 3; count += 1)
      ids.push((await api.addAccount({ organisation })).id);
    const [first, second, third] = ids.toSorted();
    const { next_cursor } = (await list('?limit=2')).body;
    await api.store.accounts.delete(organisation, second ?? '');
    expect(await idsOf(`?cursor=${next_cursor}`)).toEqual([third]);
    expect(await idsOf('')).toEqual([first, third]);
  });

  it('filters by the status that it shows', async () => {
    const add = async (expiresInMs: number, state?: AccountState) => {
      const { id } = await api.addAccount({ organisation, expiresInMs });
      if (state) await api.store.accounts.patch(organisation, id, { state }, new Date());
      return id;
    };
    const ids = {
      ok: await add(60 * MINUTE_MS),
      expiring_soon: await add(5 * MINUTE_MS),
      expired: await add(-MINUTE_MS),
      needs_reconnect: await add(60 * MINUTE_MS, AccountState.needsReconnect),
      inactive: await add(60 * MINUTE_MS, AccountState.inactive),
      disabled: await add(-MINUTE_MS, AccountState.disabled),
    };
    for (const [status, id] of Object.entries(ids)) {
      const { items } = (await list(`?status=${status}`)).body;
      expect(items).toEqual([expect.objectContaining({ id, status })]);
    }
  });

  it.each(['status=ok&status=disabled', 'status=ok,disabled'])(
    'R5.2 filters by several values of one parameter: ?%s',
    async (query) => {
      const ok = await api.addAccount({ organisation, expiresInMs: 60 * MINUTE_MS });
      const off = await api.addAccount({ organisation });
      const { disabled: state } = AccountState;
      await api.store.accounts.patch(organisation, off.id, { state }, new Date());
      await api.addAccount({ organisation, expiresInMs: -MINUTE_MS });
      expect(await idsOf(`?${query}`)).toEqual([ok.id, off.id].toSorted());
    },
  );

  it('filters by environment, provider and kind, and by several at once', async () => {
    const production = (await api.addAccount({ organisation })).id;
    const sandbox = (await api.addAccount({ organisation, environment: 'sandbox' })).id;
    await api.store.accounts.patch(organisation, production, { kind: 'booking' }, new Date());
    expect(await idsOf('?environment=sandbox')).toEqual([sandbox]);
    expect(await idsOf('?kind=booking')).toEqual([production]);
    expect(await idsOf('?provider=ebay')).toEqual([production, sandbox].toSorted());
    expect(await idsOf('?provider=etsy')).toEqual([]);
    expect(await idsOf('?kind=booking&environment=sandbox')).toEqual([]);
    // A kind may contain a comma.
    expect(await idsOf('?kind=booking,other')).toEqual([]);
  });

  it.each([
    '?cursor=nonsense',
    '?cursor=',
    '?cursor=WzFd',
    '?limit=0',
    '?limit=501',
    '?limit=ten',
    '?status=fine',
    '?sort=due',
    `?q=${'a'.repeat(101)}`,
  ])('refuses %s', async (query) => {
    expectError(await list(query), 400, 'invalid_request');
  });
});

describe('one account', () => {
  it.each([
    ['ok', 16 * MINUTE_MS, {}],
    ['expiring_soon', 14 * MINUTE_MS, {}],
    ['expired', -1, {}],
    [
      'needs_reconnect',
      60 * MINUTE_MS,
      { state: AccountState.needsReconnect, stateReason: 'Revoked.' },
    ],
    ['inactive', 60 * MINUTE_MS, { state: AccountState.inactive, stateReason: 'Uninstalled.' }],
    ['disabled', -1, { state: AccountState.disabled, stateReason: 'On leave.' }],
  ] as const)('R1.9 shows the status %s, and why', async (status, expiresInMs, patch) => {
    const { id } = await api.addAccount({ expiresInMs });
    await api.store.accounts.patch(api.organisation, id, patch, new Date());
    const reason = 'stateReason' in patch ? patch.stateReason : null;
    expect(await show(id)).toMatchObject({ status, status_reason: reason });
  });

  it('explains in sentences why it is or is not due now', async () => {
    const due = await api.addAccount({ expiresInMs: 5 * MINUTE_MS });
    const { current } = due;
    const ends = `${current.expiresAt?.slice(0, 19).replace('T', ' ')} UTC`;
    const { due: shown } = await show(due.id);
    expect(shown).toMatchObject({ due: true, reason: 'access_token_expires' });
    expect(shown.explanation).toContain('Due: the next sweep refreshes it.');
    expect(shown.explanation).toContain(
      `Its access token expires at ${ends}, and the account is due 15`,
    );

    const patch = { state: AccountState.disabled, stateReason: 'On leave.' };
    await api.store.accounts.patch(api.organisation, due.id, patch, new Date());
    expect((await show(due.id)).due).toEqual({
      due: false,
      reason: 'disabled',
      explanation: 'Not due: the account is disabled, so Evergrant does not refresh it. On leave.',
    });
  });
});

describe('changing an account', () => {
  const change = (id: string, body: unknown) => api.patch(`/api/admin/accounts/${id}`, body);

  it('changes its label and its kind, and nothing else', async () => {
    const before = await api.connect({ kind: 'booking' });
    const renamed = await change(before.id, { label: 'Harbour Books', kind: null });
    expect(renamed.body).toEqual({
      ...before,
      label: 'Harbour Books',
      kind: null,
      due: expect.anything(),
      updated_at: expect.any(String),
    });
  });

  it('changes nothing for an empty body', async () => {
    const before = await api.connect();
    expect((await change(before.id, {})).body).toEqual(before);
  });

  it('keeps the reason of a person why it is disabled, which only that change may state', async () => {
    const { id } = await api.connect();
    const disabled = await change(id, { disabled: true, reason: 'The shop closed' });
    expect(disabled.body).toMatchObject({ status: 'disabled', status_reason: 'The shop closed' });
    for (const body of [{ reason: 'alone' }, { disabled: false, reason: 'with enable' }])
      expectError(await change(id, body), 400, 'invalid_request');
  });

  it('disables it with a reason, so that it is not refreshed, and enables it again', async () => {
    const { id } = await api.connect();
    const disabled = await change(id, { disabled: true });
    expect(disabled.body).toMatchObject({
      status: 'disabled',
      status_reason: expect.stringMatching(/\S/),
      due: { due: false, reason: 'disabled' },
    });
    for (const [path, body] of [
      [`/api/admin/accounts/${id}/refresh`, { force: true }],
      ['/api/admin/ebay/token/refresh-debug', { account_id: id }],
    ] as const) {
      const refused = await api.post(path, body);
      expectError(refused, 409, 'conflict');
      expect(refused.body.error.message).toContain('"disabled": false');
    }
    const enabled = await change(id, { disabled: false });
    expect(enabled.body).toMatchObject({
      status: 'expired',
      status_reason: expect.stringMatching(/^The account has no access token yet/),
      due: { due: true },
    });
  });

  it('accepts a new grant untried in quarantine, with a new generation and without the old error', async () => {
    const { id, refresh_token_fingerprint: old } = await api.connect();
    await failed(id);
    expect(await show(id)).toMatchObject({
      status: 'needs_reconnect',
      last_error: { code: 'invalid_grant' },
    });
    const { access_token, refresh_token } = api.consent();

    const answer = await change(id, {
      quarantine: true,
      access_token,
      refresh_token,
      expires_at: inMinutes(90),
      scopes: ['a'],
    });

    expect(answer.body).toMatchObject({
      status: 'ok',
      status_reason: null,
      generation: 2,
      last_error: null,
      failed_attempts: 0,
      next_attempt_at: null,
      refresh_token_fingerprint: api.harness.vault.fingerprint(refresh_token),
    });
    expect(answer.body.refresh_token_fingerprint).not.toBe(old);
    const { previous } = await api.harness.account(id);
    expect(previous?.refreshTokenFingerprint).toBe(old);
  });

  it('fences off a refresh in progress when quarantine accepts a new grant untried', async () => {
    const { id } = await api.connect();
    const now = new Date();
    const claim = {
      accountId: id,
      attemptId: randomUUID(),
      worker: 'w',
      source: 'api',
      now,
    } as const;
    await api.store.grants.claim({ ...claim, supersedes: [], unlessAttemptedSince: null });
    const account = await api.store.grants.read(id);
    if (account === null) throw new Error(`no account ${id}`);
    await change(id, { quarantine: true, refresh_token: api.consent().refresh_token });
    await change(id, { quarantine: false });
    const sending = { ...claim, generation: 1, refreshTokenFingerprint: 'x' };
    expect(await api.store.grants.recordSendIntent(sending, now)).toBe(false);
  });

  it.each(['access_token', 'expires_at', 'refresh_token_expires_at', 'scopes'])(
    'refuses a part of a grant: %s alone',
    async (member) => {
      const before = await api.connect();
      const { access_token } = api.consent();
      const value = { access_token, scopes: ['a'] }[member] ?? inMinutes(60);
      const answer = await change(before.id, { [member]: value, label: 'not this either' });
      expectError(answer, 400, 'invalid_request');
      expect(answer.body.error.message).toMatch(/^refresh_token: /);
      expect(await show(before.id)).toMatchObject({ label: before.label, generation: 1 });
    },
  );

  it.each([
    { external_id: 'other' },
    { provider: 'etsy' },
    { organisation: 'theirs' },
    { status: 'ok' },
    { label: '' },
    { disabled: 'yes' },
  ])('refuses %j', async (wrong) => {
    const { id } = await api.connect();
    expectError(await change(id, wrong), 400, 'invalid_request');
  });

  it('refuses ciphertext as a token', async () => {
    const { id } = await api.connect();
    expectError(await change(id, { refresh_token: 'ENC:v1:k1:abc' }), 400, 'invalid_request');
  });

  it('refuses a kind with which it would be another account', async () => {
    const { id, external_id } = await api.connect();
    await api.connect({ external_id, kind: 'booking' });
    expectError(await change(id, { kind: 'booking' }), 409, 'conflict');
  });

  /** Records a refusal as a worker does. */
  async function failed(id: string): Promise<void> {
    const now = new Date();
    const attemptId = randomUUID();
    const claim = { accountId: id, attemptId, worker: 'w', source: 'scheduled', now } as const;
    await api.store.grants.claim({ ...claim, supersedes: [], unlessAttemptedSince: null });
    const account = await api.store.grants.read(id);
    if (account === null) throw new Error(`no account ${id}`);
    await api.store.grants.recordFailure({
      account,
      attemptId,
      source: 'scheduled',
      now,
      failure: { class: 'account', code: 'invalid_grant', message: 'It was revoked.', status: 400 },
      unanswered: null,
      decision: {
        countsAgainstAccount: true,
        state: AccountState.needsReconnect,
        nextAttemptAt: null,
      },
    });
  }
});

describe('deleting an account', () => {
  it('deletes it and its tokens for good, once', async () => {
    const { id } = await api.connect();
    const path = `/api/admin/accounts/${id}`;
    const removed = await api.delete(path);
    expect({ status: removed.status, text: removed.text }).toEqual({ status: 204, text: '' });
    expect(await api.store.grants.read(id)).toBeNull();
    for (const answer of [
      await api.get(path),
      await api.delete(path),
      await api.patch(path, { label: 'x' }),
      await api.post(`${path}/refresh`),
      await api.get(`${path}/diagnostics`),
    ])
      expectError(answer, 404, 'not_found');
  });

  it('allows connecting the same account again', async () => {
    const { id, external_id } = await api.connect();
    await api.delete(`/api/admin/accounts/${id}`);
    expect(await api.connect({ external_id })).toMatchObject({ generation: 1 });
  });
});

it('no response and no log line contains a token', () => {
  expect(api.leaks()).toEqual([]);
});
