/** POST …/validate: asks the provider whether the access token works, and responds with the verdict and its effects. */
import { randomUUID } from 'node:crypto';
import { type Api, expectError, startApi } from './_api';

const HOUR_MS = 3_600_000;
const PROVIDERS = ['shopify', 'ebay', 'etsy', 'google'] as const;

let api: Api;
beforeAll(async () => {
  api = await startApi({ providers: PROVIDERS });
});
afterAll(() => api.stop());

const validate = (id: string) => api.post(`/api/admin/accounts/${id}/validate`);
const show = async (id: string) => (await api.get(`/api/admin/accounts/${id}`)).body;
const endless = () => api.addAccount({ provider: 'shopify', endless: true });
const ofProvider = (provider: (typeof PROVIDERS)[number]) =>
  api.addAccount({ provider, expiresInMs: HOUR_MS, refreshedAgoMs: 0 });
const scripted = (subject: string, status: number, times = 1) =>
  api.sandbox.script({
    subject,
    times,
    request: 'validation',
    answer: { kind: 'respond', status, body: '{}' },
  });
const asked = (subject: string) =>
  api.sandbox.ledger.filter((entry) => entry.event === 'validated' && entry.subject === subject)
    .length;

it.each(PROVIDERS)(
  'R3.3 R3.5 reports a valid token of %s, with the exchange in the log',
  async (provider) => {
    const { id } = await ofProvider(provider);
    const answer = await validate(id);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        account_id: id,
        outcome: 'valid',
        reason: 'valid',
        failure: null,
        refresh: null,
        workflow_id: `validate-account/${id}`,
      },
    });
    expect((await show(id)).last_validation).toEqual({
      outcome: 'valid',
      at: expect.any(String),
      log_entry_id: answer.body.log_entry_id,
    });
    const logs = await api.get(`/api/admin/${provider}/tokens/terminal-logs?account_id=${id}`);
    expect(logs.body.items).toEqual([
      expect.objectContaining({
        id: answer.body.log_entry_id,
        action: 'token_validated',
        source: 'api',
        outcome: 'ok',
        workflow_id: `validate-account/${id}`,
        request: expect.objectContaining({
          access_token: expect.stringMatching(/… \(\d+ characters\)$/),
          headers: expect.any(Object),
        }),
        response: expect.objectContaining({ status: 200, headers: expect.any(Object) }),
        diagnostics: expect.objectContaining({ caller: expect.stringMatching(/^key /) }),
      }),
    ]);
  },
);

it.each(PROVIDERS)(
  'R3.5 refreshes an account of %s whose token is refused before its expiry',
  async (provider) => {
    const { id } = await ofProvider(provider);
    api.sandbox.script({
      subject: id,
      request: 'validation',
      answer:
        provider === 'google'
          ? { kind: 'respond', status: 400, body: '{"error":"invalid_token"}' }
          : { kind: 'respond', status: 401, body: '{"error":"invalid_token"}' },
    });
    expect((await validate(id)).body).toMatchObject({
      outcome: 'invalid',
      reason: 'access_token_refused',
      refresh: { outcome: 'refreshed', generation: 2 },
    });
    expect(await show(id)).toMatchObject({ status: 'ok', generation: 2, last_validation: null });
  },
);

it('R3.5 an account whose refresh is refused as well needs a reconnect', async () => {
  const { id, plain } = await ofProvider('google');
  api.sandbox.revoke(plain.refreshToken);
  expect((await validate(id)).body).toMatchObject({
    outcome: 'invalid',
    refresh: { outcome: 'failed', reason: 'invalid_grant' },
  });
  expect((await show(id)).status).toBe('needs_reconnect');
});

it('R2.3 makes a store inactive if its only token is refused, and active again when the token works', async () => {
  const { id } = await endless();
  scripted(id, 401);
  const refused = await validate(id);
  expect(refused.body).toMatchObject({
    outcome: 'invalid',
    message: expect.stringMatching(/owner must reconnect/),
    failure: { class: 'account', code: 'access_token_refused', status: 401 },
    refresh: null,
  });
  expect(await show(id)).toMatchObject({
    status: 'inactive',
    status_reason: refused.body.message,
    last_validation: { outcome: 'invalid' },
  });
  expect((await api.get(`/api/tokens/${id}`)).body).toMatchObject({
    active: false,
    reason: 'inactive',
  });
  expect((await validate(id)).body.outcome).toBe('valid');
  expect(await show(id)).toMatchObject({ status: 'ok', status_reason: null, last_error: null });
});

it('R2.3 retries after a network error or a 5xx, and changes nothing if the error stays', async () => {
  const { id } = await endless();
  scripted(id, 503);
  expect((await validate(id)).body.outcome).toBe('valid');
  expect(asked(id)).toBe(2);
  api.sandbox.script({
    subject: id,
    times: 3,
    request: 'validation',
    answer: { kind: 'drop', at: 'before_commit' },
  });
  expect((await validate(id)).body).toMatchObject({
    outcome: 'unknown',
    failure: { class: 'provider', code: 'validation_unanswered' },
  });
  expect(await show(id)).toMatchObject({ status: 'ok', last_error: null, failed_attempts: 0 });
  expect(await api.harness.entries(id)).toHaveLength(5);
});

it('sends one request for concurrent callers', async () => {
  const { id } = await endless();
  api.sandbox.script({
    subject: id,
    request: 'validation',
    answer: { kind: 'normal', delayMs: 3_000 },
  });
  const answers = await Promise.all(Array.from({ length: 5 }, () => validate(id)));
  expect(new Set(answers.map(({ body }) => body.log_entry_id)).size).toBe(1);
  expect(asked(id)).toBe(1);
});

it('a verdict on a token that was replaced meanwhile is ignored', async () => {
  const { id } = await endless();
  api.sandbox.script({
    subject: id,
    request: 'validation',
    answer: { kind: 'respond', status: 401, body: '{}', delayMs: 3_000 },
  });
  const access_token = api.sandbox.issueEndlessToken({ provider: 'shopify', subject: id });
  // Replaces the token while the refusal of the old one is in progress.
  const replaced = new Promise<void>((resolve) => {
    const off = api.sandbox.on('validated', () => {
      off();
      void api.patch(`/api/admin/accounts/${id}`, { access_token }).then(() => resolve());
    });
  });
  const { body } = await validate(id);
  await replaced;
  expect(body).toMatchObject({ outcome: 'skipped', reason: 'token_replaced', failure: null });
  expect(await show(id)).toMatchObject({ status: 'ok', generation: 2, last_validation: null });
});

it('reports that an account has no access token yet', async () => {
  const { id } = await api.connect();
  expect((await validate(id)).body).toMatchObject({
    outcome: 'skipped',
    reason: 'no_access_token',
    message: expect.stringMatching(/Refresh the account first/),
  });
});

it('refuses an account that is disabled, unknown or of another organisation', async () => {
  const { id } = await endless();
  const key = await api.key(['admin'], `org-${randomUUID()}`);
  const path = `/api/admin/accounts/${id}/validate`;
  expectError(await api.send('POST', path, { key }), 404, 'not_found');
  expectError(await api.send('POST', path, { key: await api.key(['read']) }), 403, 'forbidden');
  await api.patch(`/api/admin/accounts/${id}`, { disabled: true });
  expectError(await validate(id), 409, 'conflict');
  expect(asked(id)).toBe(0);
});

it('runs as a workflow that the API lists and shows', async () => {
  const { id } = await endless();
  await validate(id);
  const path = `/api/admin/workflows/${encodeURIComponent(`validate-account/${id}`)}/history`;
  expect((await api.get(path)).body).toMatchObject({ type: 'validation', status: 'completed' });
});

it('R3.5 the status has the numbers of recently validated and of refused accounts', async () => {
  const organisation = `org-${randomUUID()}`;
  const key = await api.key(['admin'], organisation);
  for (const refused of [false, false, true]) {
    const { id } = await api.addAccount({ provider: 'shopify', organisation, endless: true });
    if (refused) scripted(id, 401);
    await api.send('POST', `/api/admin/accounts/${id}/validate`, { key });
  }
  const { body } = await api.send('GET', '/api/admin/status', { key });
  expect(body.validations).toEqual(
    expect.arrayContaining([
      { provider: 'shopify', validated_recently: 2, invalid: 1 },
      { provider: 'ebay', validated_recently: 0, invalid: 0 },
    ]),
  );
});

it('no response and no log line contains a token', () => {
  expect(api.leaks()).toEqual([]);
});
