/** Concurrent requests to refresh an account share one refresh and its outcome. */
import { createRefreshClient } from '../../src/temporal/refresh-client';
import { type Harness, startHarness } from '../support/harness';

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
});
afterAll(() => h?.stop());

it('50 concurrent refreshes of one account (API, forced, debug, sweep) send one request to the provider, and all receive its outcome', async () => {
  const { id } = await h.addAccount({ label: 'Requested by all' });
  const key = await h.key();
  // Slow enough that all fifty requests arrive during the first.
  h.sandbox.script({
    subject: id,
    times: Number.POSITIVE_INFINITY,
    answer: { kind: 'normal', delayMs: 500 },
  });
  const refresh = () => h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, {});
  const ask = [
    refresh,
    () => h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, { force: true }),
    () => h.request(key, 'POST', '/api/admin/ebay/token/refresh-debug', { account_id: id }),
    () => h.request(key, 'POST', '/api/admin/internal/refresh-tokens', { provider: 'ebay' }),
  ];
  const asked = Array.from({ length: 50 }, (_, n) => (ask[n % ask.length] ?? refresh)());
  const answers = await Promise.all(asked);
  const outcomes = answers
    .map((answer) => answer.body)
    .filter((body) => body.started === undefined);
  expect(outcomes).toHaveLength(38);
  const [first] = outcomes;
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({
      outcome: 'refreshed',
      generation: 2,
      log_entry_id: first.log_entry_id,
    });
  }
  const [sweep] = answers.flatMap((answer) => answer.body.started ?? []);
  const summary = await h.client.workflow.getHandle(sweep.workflow_id, sweep.run_id).result();
  expect(summary).toMatchObject({ due: expect.any(Number), failed: 0 });
  expect(summary.due).toBeGreaterThan(0);
  expect(h.sandbox.ledger.filter((e) => e.event === 'received' && e.subject === id)).toHaveLength(
    1,
  );
  expect(await h.entries(id)).toHaveLength(1);
});

it('callers of several API processes share one refresh', async () => {
  const { id } = await h.addAccount();
  const account = await h.account(id);
  h.sandbox.script({ subject: id, times: 5, answer: { kind: 'normal', delayMs: 300 } });
  const requestedAt = new Date().toISOString();
  const processes = Array.from({ length: 8 }, () =>
    createRefreshClient(h.client, h.config.temporal.taskQueue, h.store),
  );
  const outcomes = await Promise.all(
    processes.map((process, n) =>
      process.refresh(account, {
        source: 'api',
        caller: `process ${n}`,
        requestedAt,
        force: true,
        capture: false,
      }),
    ),
  );
  expect(new Set(outcomes.map(({ logEntryId }) => logEntryId)).size).toBe(1);
  expect(h.sandbox.ledger.filter((e) => e.event === 'received' && e.subject === id)).toHaveLength(
    1,
  );
});
