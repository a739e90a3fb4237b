/** Rate limits: a maximum of requests in flight, and none while the provider asks to wait. */
import type { LedgerEntry } from '../../src/sandbox/ledger';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';

const AT_ONCE = 40;
const ACCOUNTS = AT_ONCE + 4;
const WAIT_SECONDS = 6;
/** Below the deadline of an exchange. */
const HELD_AT_MOST_MS = 12_000;

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
});
afterAll(() => h?.stop());

it('R3.6 a sweep sends at most 40 requests at once, sends no more while the provider asks to wait, and marks no account', async () => {
  const key = await h.key();
  const first = await h.addAccount();
  // The app is known to be served, so a sweep need not wait for its first response.
  await h.request(key, 'POST', `/api/admin/accounts/${first.id}/refresh`, {});
  const since = h.sandbox.ledger.length;
  const ids: string[] = [];
  for (let n = 0; n < ACCOUNTS; n += 1) ids.push((await h.addAccount({ proven: true })).id);
  // No slot becomes free before the throttling is recorded.
  const throttled = eventually(async () =>
    (await h.store.limiters.list()).some(({ throttledUntil }) => throttledUntil !== null),
  );
  const slow = {
    kind: 'normal',
    delayMs: HELD_AT_MOST_MS,
    delayAt: 'before_commit',
    until: throttled,
  } as const;
  h.sandbox.script({ times: AT_ONCE - 1, answer: slow });
  h.sandbox.script({ answer: { kind: 'rate_limited', retryAfter: String(WAIT_SECONDS) } });
  const { body } = await h.request(key, 'POST', '/api/admin/internal/refresh-tokens');
  const { workflow_id: workflowId, run_id: runId } = body.started[0];
  const summary = await h.client.workflow.getHandle(workflowId, runId).result();
  expect(summary).toMatchObject({
    due: ACCOUNTS,
    refreshed: ACCOUNTS - 1,
    retrying: 1,
    deferred: 0,
  });

  const ledger = h.sandbox.ledger.slice(since);
  expect(mostAtOnce(ledger)).toBeLessThanOrEqual(AT_ONCE);
  expect(mostAtOnce(ledger)).toBeGreaterThan(AT_ONCE / 2);
  const throttledAt = ledger.find(({ status }) => status === 429)?.at ?? 0;
  const others = ledger.filter(({ event }) => event === 'received').slice(AT_ONCE);
  for (const { at } of others) expect(at - throttledAt).toBeGreaterThan(WAIT_SECONDS * 1000 - 500);

  await eventually(async () => {
    const accounts = await Promise.all(ids.map((id) => h.account(id)));
    return accounts.every(({ generation }) => generation === 2);
  });
  for (const id of ids)
    expect(await h.account(id)).toMatchObject({ state: 'active', lastError: null });
});

function mostAtOnce(ledger: readonly LedgerEntry[]): number {
  let underWay = 0;
  let most = 0;
  for (const { event } of ledger) {
    if (event === 'received') underWay += 1;
    if (event === 'answered' || event === 'dropped') underWay -= 1;
    most = Math.max(most, underWay);
  }
  return most;
}
