/** POST …/refresh waits for the outcome, whatever it is, and stores its effects. */

import { createRefreshClient } from '../../src/temporal/refresh-client';
import { grantPlace } from '../../src/vault/vault';
import { eventually } from '../support/eventually';
import { type Api, expectError, startApi } from './_api';

const MINUTE_MS = 60_000;

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
// Each test begins with a healthy OAuth app.
afterEach(() => api.harness.closeCircuits());
afterAll(() => api.stop());

const refresh = (id: string, body?: unknown) => api.post(`/api/admin/accounts/${id}/refresh`, body);
const show = async (id: string) => (await api.get(`/api/admin/accounts/${id}`)).body;
/** The number of requests that the provider received for an account of `addAccount`. */
const requestsFor = (subject: string) =>
  api.sandbox.ledger.filter((entry) => entry.event === 'received' && entry.subject === subject)
    .length;
const hour = { expiresInMs: 60 * MINUTE_MS, refreshedAgoMs: 0 };

describe('a refresh that succeeds', () => {
  it('responds with the outcome after the account, the grant and the log entry are stored', async () => {
    const { id } = await api.connect();
    const answer = await refresh(id);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        account_id: id,
        outcome: 'refreshed',
        exchange: 'ok',
        failure: null,
        generation: 2,
        workflow_id: `refresh-account/${id}`,
      },
    });
    expect(Date.parse(answer.body.expires_at)).toBeGreaterThan(Date.now() + 110 * MINUTE_MS);
    expect(await show(id)).toMatchObject({
      status: 'ok',
      generation: 2,
      expires_at: answer.body.expires_at,
      last_attempt: { log_entry_id: answer.body.log_entry_id, outcome: 'refreshed', source: 'api' },
      last_error: null,
    });
    const logs = await api.get(`/api/admin/ebay/tokens/terminal-logs?account_id=${id}`);
    expect(logs.body.items).toEqual([
      expect.objectContaining({
        id: answer.body.log_entry_id,
        action: 'token_refreshed',
        source: 'api',
        diagnostics: expect.objectContaining({
          caller: expect.stringMatching(/^key [0-9a-f]{16}$/),
        }),
      }),
    ]);
  });

  it('stores an access token that the provider accepts', async () => {
    const { id } = await api.connect();
    await refresh(id);
    const account = await api.harness.account(id);
    const place = grantPlace(account, 2);
    const token = api.harness.vault.openToken(
      account.current.accessToken ?? '',
      place,
      'access_token',
    );
    expect(api.sandbox.isAccessTokenActive(token)).toBe(true);
  });

  it('sends one request to the provider for concurrent callers', async () => {
    const { id } = await api.addAccount();
    api.sandbox.script({ subject: id, answer: { kind: 'normal', delayMs: 300 } });
    const answers = await Promise.all(Array.from({ length: 8 }, () => refresh(id)));
    expect(new Set(answers.map(({ body }) => body.log_entry_id)).size).toBe(1);
    expect(answers[0]?.body).toMatchObject({ outcome: 'refreshed' });
    expect(requestsFor(id)).toBe(1);
  });
});

describe('an account that is not due', () => {
  it('is skipped as fresh, without a request to the provider', async () => {
    const { id } = await api.addAccount(hour);
    expect((await refresh(id)).body).toMatchObject({
      outcome: 'skipped',
      reason: 'fresh',
      exchange: null,
      log_entry_id: null,
    });
    expect((await refresh(id, {})).body).toMatchObject({ outcome: 'skipped', reason: 'fresh' });
    expect(requestsFor(id)).toBe(0);
    expect(await show(id)).toMatchObject({ status: 'ok', generation: 1, last_attempt: null });
  });

  it('is refreshed with force', async () => {
    const { id } = await api.addAccount(hour);
    expect((await refresh(id, { force: true })).body).toMatchObject({
      outcome: 'refreshed',
      generation: 2,
    });
    expect(requestsFor(id)).toBe(1);
  });

  it('is refreshed for a caller with force, also beside a caller without it', async () => {
    const { id } = await api.addAccount(hour);
    const [, forced] = await Promise.all([refresh(id), refresh(id, { force: true })]);
    expect(forced.body).toMatchObject({ outcome: 'refreshed' });
    expect(requestsFor(id)).toBe(1);
  });

  it.each([{ force: 'yes' }, { force: true, also: 1 }])('refuses the body %j', async (body) => {
    const { id } = await api.addAccount(hour);
    expectError(await refresh(id, body), 400, 'invalid_request');
    expect(requestsFor(id)).toBe(0);
  });
});

describe('a refresh that the provider refuses', () => {
  it('has an outcome with an explanation, and the account needs a reconnect', async () => {
    const account = await api.addAccount();
    api.sandbox.revoke(account.plain.refreshToken);
    const answer = await refresh(account.id);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        outcome: 'failed',
        exchange: 'rejected',
        failure: {
          class: 'account',
          code: 'invalid_grant',
          message: expect.stringMatching(/owner must reconnect the account\.$/),
          status: 400,
          detail: expect.stringContaining('invalid_grant'),
        },
      },
    });
    const { message } = answer.body.failure;
    expect(await show(account.id)).toMatchObject({
      status: 'needs_reconnect',
      status_reason: message,
      due: { due: false, reason: 'needs_reconnect' },
      generation: 1,
      failed_attempts: 1,
      last_attempt: { outcome: 'failed', log_entry_id: answer.body.log_entry_id },
      last_error: { code: 'invalid_grant', message },
    });
  });

  it('is not retried without force', async () => {
    const account = await api.addAccount();
    api.sandbox.revoke(account.plain.refreshToken);
    await refresh(account.id);
    expect((await refresh(account.id)).body).toMatchObject({
      outcome: 'skipped',
      reason: 'needs_reconnect',
    });
    expect(requestsFor(account.id)).toBe(1);
    expect((await refresh(account.id, { force: true })).body).toMatchObject({ outcome: 'failed' });
    expect(requestsFor(account.id)).toBe(2);
  });

  it('R1.9 leaves no old error after a later refresh succeeds', async () => {
    const account = await api.addAccount();
    api.sandbox.revoke(account.plain.refreshToken);
    await refresh(account.id);
    const { refresh_token } = api.consent();
    await api.patch(`/api/admin/accounts/${account.id}`, { refresh_token });
    expect((await refresh(account.id, { force: true })).body).toMatchObject({
      outcome: 'refreshed',
      generation: 3,
    });
    expect(await show(account.id)).toMatchObject({
      status: 'ok',
      status_reason: null,
      last_error: null,
      failed_attempts: 0,
      next_attempt_at: null,
      last_attempt: { outcome: 'refreshed' },
    });
  });

  it('R1.9 leaves no old error after a forced refresh succeeds', async () => {
    const { id } = await api.addAccount();
    const body = JSON.stringify({ error: 'invalid_grant', error_description: 'a slip' });
    api.sandbox.script({ subject: id, answer: { kind: 'respond', status: 400, body } });
    expect((await refresh(id)).body).toMatchObject({ outcome: 'failed' });
    expect((await refresh(id, { force: true })).body).toMatchObject({ outcome: 'refreshed' });
    expect(await show(id)).toMatchObject({ status: 'ok', status_reason: null, last_error: null });
  });

  it('changes no account if the credentials of the app are refused', async () => {
    const { id } = await api.addAccount({ proven: true });
    const body = JSON.stringify({ error: 'invalid_client' });
    api.sandbox.script({ subject: id, answer: { kind: 'respond', status: 401, body } });
    expect((await refresh(id)).body).toMatchObject({
      outcome: 'failed',
      failure: { class: 'app', code: 'invalid_client', status: 401 },
    });
    expect(await show(id)).toMatchObject({
      status: 'expiring_soon',
      last_error: null,
      failed_attempts: 0,
    });
  });
});

describe('a provider that asks to slow down', () => {
  it('leads to an outcome with the wait, after which the workflow retries', async () => {
    const { id } = await api.addAccount({ expiresInMs: 10 * MINUTE_MS });
    api.sandbox.script({ subject: id, answer: { kind: 'rate_limited', retryAfter: '1' } });
    expect((await refresh(id)).body).toMatchObject({
      outcome: 'failed',
      exchange: 'throttled',
      failure: { class: 'rate', code: 'rate_limited', status: 429, retry_after_ms: 1_000 },
    });
    expect(await show(id)).toMatchObject({
      status: 'expiring_soon',
      last_error: null,
      failed_attempts: 0,
    });
    await eventually(async () => (await show(id)).generation === 2);
    expect(await show(id)).toMatchObject({ status: 'ok', next_attempt_at: null });
    expect(requestsFor(id)).toBe(2);
  });
});

describe('a provider that is down', () => {
  it('leads to the first outcome at once, while the workflow retries', async () => {
    const { id } = await api.addAccount({ expiresInMs: 10 * MINUTE_MS });
    const heal = api.sandbox.script({
      subject: id,
      times: Infinity,
      answer: { kind: 'unavailable' },
    });

    const answer = await refresh(id);

    expect(answer.body).toMatchObject({
      outcome: 'failed',
      exchange: 'unknown',
      failure: { class: 'provider', code: 'provider_unavailable', status: 503 },
    });
    const workflow = api.client.workflow.getHandle(answer.body.workflow_id);
    const { runId, status } = await workflow.describe();
    expect(status.name).toBe('RUNNING');
    expect(await show(id)).toMatchObject({
      status: 'expiring_soon',
      last_error: { code: 'provider_unavailable' },
    });

    await eventually(() => requestsFor(id) >= 2);
    heal();
    // A new request ends the pause, and gets the outcome of the next attempt.
    await eventually(async () => (await refresh(id)).body.outcome === 'refreshed');
    expect((await workflow.describe()).runId).toBe(runId);
    expect(await show(id)).toMatchObject({ status: 'ok', last_error: null, failed_attempts: 0 });
  });

  it('ends the workflow at once if the access token has expired, and the next sweep retries', async () => {
    const { id } = await api.connect({ external_id: 'down' });
    api.sandbox.script({ answer: { kind: 'unavailable' }, times: 2 });
    const answer = await refresh(id);
    expect(answer.body).toMatchObject({ outcome: 'failed' });
    const handle = api.client.workflow.getHandle(answer.body.workflow_id);
    expect(await handle.result()).toMatchObject({ outcome: 'failed' });
    expect(await show(id)).toMatchObject({
      status: 'expired',
      failed_attempts: 2,
      next_attempt_at: expect.any(String),
    });
  });
});

const nextTurn = () => new Promise<false>((resolve) => setImmediate(() => resolve(false)));

it('a slow refresh gets a 504 after a minute, which says that the refresh is still running', async () => {
  const { id } = await api.addAccount();
  const executeUpdateWithStart = () => new Promise<never>(() => undefined);
  const { connection, workflowService, options } = api.client;
  const client = {
    connection,
    workflowService,
    options,
    workflow: { executeUpdateWithStart },
  } as unknown as Parameters<typeof createRefreshClient>[0];
  const send = api.with({ refreshes: createRefreshClient(client, 'evergrant', api.store) });
  jest.useFakeTimers({
    doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance', 'Date'],
  });
  try {
    const waiting = send('POST', `/api/admin/accounts/${id}/refresh`);
    // The timer exists only when the request waits for the minute.
    for (let answered = false; !answered; ) {
      jest.advanceTimersByTime(60_000);
      answered = await Promise.race([waiting.then(() => true), nextTurn()]);
    }
    const answer = await waiting;
    expectError(answer, 504, 'still_running');
    expect(answer.body.error.message).toContain('still running');
  } finally {
    jest.useRealTimers();
  }
});

it('no response and no log line contains a token', () => {
  expect(api.leaks()).toEqual([]);
});
