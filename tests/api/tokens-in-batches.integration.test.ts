/** Concurrent requests for many expired accounts: few workflows, one refresh per account, and the usual responses. */

import { WorkflowNotFoundError } from '@temporalio/client';
import { createRefreshClient } from '../../src/temporal/refresh-client';
import { type Api, startApi } from './_api';

type Account = Awaited<ReturnType<Api['addAccount']>>;

const MANY = 30;

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterEach(() => api.harness.closeCircuits());
afterAll(() => api.stop());

const token = (id: string) => api.get(`/api/tokens/${id}`);
const requestsFor = (subject: string) =>
  api.sandbox.ledger.filter((entry) => entry.event === 'received' && entry.subject === subject)
    .length;

async function addExpired(count: number): Promise<Account[]> {
  const accounts: Account[] = [];
  for (let n = 0; n < count; n += 1)
    accounts.push(await api.addAccount({ expiresInMs: -60_000, proven: true }));
  return accounts;
}

/** The number of accounts with a separate workflow. */
async function ownWorkflows(accounts: readonly Account[]): Promise<number> {
  const had = await Promise.all(
    accounts.map(({ id }) =>
      api.client.workflow
        .getHandle(`refresh-account/${id}`)
        .describe()
        .then(() => 1)
        .catch((error: unknown) => {
          if (error instanceof WorkflowNotFoundError) return 0;
          throw error;
        }),
    ),
  );
  return had.reduce<number>((sum, one) => sum + one, 0);
}

it('R3.1 R4.4 expired accounts are refreshed in a batch, once each, and all callers get the new tokens', async () => {
  const accounts = await addExpired(MANY);
  const answers = await Promise.all(accounts.map(({ id }) => token(id)));
  for (const [index, { id, plain }] of accounts.entries()) {
    const { body } = answers[index] ?? {};
    expect(body).toMatchObject({ active: true, fallback: false });
    expect(body.access_token).not.toBe(plain.accessToken);
    expect(api.sandbox.isAccessTokenActive(body.access_token)).toBe(true);
    expect(requestsFor(id)).toBe(1);
    expect(await api.harness.account(id)).toMatchObject({ generation: 2, claim: null });
  }
  // The first account has a separate workflow. The accounts that were requested while it ran are in the batch.
  expect(await ownWorkflows(accounts)).toBeLessThan(MANY / 5);
});

it('R4.3 accounts of a batch have log entries that name the caller and the batch', async () => {
  const accounts = await addExpired(MANY);
  await Promise.all(accounts.map(({ id }) => token(id)));
  const entries = await Promise.all(accounts.map(({ id }) => api.harness.entries(id)));
  const inBatch = entries.flat().filter(({ workflow_id: id }) => id?.startsWith('refresh-batch/'));
  expect(inBatch.length).toBeGreaterThan(MANY / 2);
  for (const entry of inBatch) {
    expect(entry).toMatchObject({
      source: 'api',
      action: 'token_refreshed',
      run_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      diagnostics: { caller: expect.stringMatching(/^key /) },
    });
  }
});

it('R3.1 R4.4 expired accounts cause one refresh each with two API processes', async () => {
  const accounts = await addExpired(MANY);
  const { taskQueue } = api.harness.config.temporal;
  const processes = [1, 2].map(() =>
    api.with({ refreshes: createRefreshClient(api.client, taskQueue, api.store) }),
  );
  const answers = await Promise.all(
    accounts.flatMap(({ id }) => processes.map((send) => send('GET', `/api/tokens/${id}`))),
  );
  for (const { id } of accounts) expect(requestsFor(id)).toBe(1);
  expect(answers.every(({ body }) => body.active === true)).toBe(true);
  expect(new Set(answers.map(({ body }) => body.access_token)).size).toBe(MANY);
});

it('R3.1 R4.3 expired accounts get the usual response if one is refused or meets a 5xx, and the others get their tokens', async () => {
  const accounts = await addExpired(MANY);
  const [, refused, , down] = accounts as [Account, Account, Account, Account];
  api.sandbox.revoke(refused.plain.refreshToken);
  api.sandbox.script({ subject: down.id, times: Infinity, answer: { kind: 'unavailable' } });
  const answers = await Promise.all(accounts.map(({ id }) => token(id)));
  const byId = new Map(accounts.map(({ id }, index) => [id, answers[index]?.body]));
  expect(byId.get(refused.id)).toEqual({
    active: false,
    reason: 'needs_reconnect',
    message: expect.stringMatching(/owner must reconnect the account\.$/),
    retry_after_seconds: null,
  });
  expect(byId.get(down.id)).toEqual({
    active: false,
    reason: 'provider_unavailable',
    message: expect.any(String),
    retry_after_seconds: 10,
  });
  expect(answers.filter(({ body }) => body.active === true)).toHaveLength(MANY - 2);
  expect(requestsFor(refused.id)).toBe(1);
  expect(requestsFor(down.id)).toBe(1);
});

it('R3.1 accounts of a batch are not delayed by an account with a slow provider', async () => {
  const accounts = await addExpired(MANY);
  const [, slow] = accounts as [Account, Account];
  api.sandbox.script({
    subject: slow.id,
    answer: { kind: 'normal', delayMs: 4_000, delayAt: 'before_commit' },
  });
  const answered: string[] = [];
  await Promise.all(
    accounts.map(async ({ id }) => {
      expect((await token(id)).body).toMatchObject({ active: true });
      answered.push(id);
    }),
  );
  expect(answered.at(-1)).toBe(slow.id);
});

it('R2.5 callers get the reason why the OAuth app limiter holds the accounts back, and nothing is sent', async () => {
  const [first, ...rest] = (await addExpired(MANY)) as [Account, ...Account[]];
  api.sandbox.script({ subject: first.id, answer: { kind: 'rate_limited', retryAfter: '300' } });
  expect((await token(first.id)).body).toMatchObject({ active: false, reason: 'rate_limited' });
  const answers = await Promise.all(rest.map(({ id }) => token(id)));
  for (const { body } of answers) {
    expect(body).toMatchObject({ active: false, reason: 'throttled' });
    expect(body.retry_after_seconds).toBeGreaterThan(200);
  }
  for (const { id } of rest) expect(requestsFor(id)).toBe(0);
  expect(await ownWorkflows(rest)).toBeLessThan(MANY / 5);
});

it('no response but that of the token route contains a token', () => {
  expect(api.leaks()).toEqual([]);
});
