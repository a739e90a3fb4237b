/** Attempts of an organisation by the hour, counted in the database. */
import type { LogAction } from '../../../src/domain/logs/log-entry';
import { refreshFailure } from '../../../src/domain/refresh/refresh-failure';
import { entryOf, fromNow, MINUTE, NOW, storeForTest, type TestStore } from '../_store';

const HOUR = 60 * MINUTE;

let store: TestStore;
beforeEach(async () => {
  store = await storeForTest();
});
afterEach(() => store.close());

describe('attempts', () => {
  /** The last hours of the 24; the current hour begins now, so the last but one is the hour until now. */
  async function attempts(count: number, organisation = 'org_a') {
    const { counts } = await store.statistics.attempts({ organisation, now: NOW });
    return counts.slice(-1 - count, -1);
  }

  async function attempt(input: {
    ageMs?: number;
    action?: LogAction;
    failed?: boolean;
    durationMs?: number | null;
    organisation?: string | null;
  }): Promise<void> {
    const { ageMs = 1, action, failed = false, durationMs = 100, organisation = 'org_a' } = input;
    await store.logEntries.record(
      entryOf({
        created_at: fromNow(-ageMs).toISOString(),
        organisation,
        action: action ?? (failed ? 'token_refresh_failed' : 'token_refreshed'),
        error: failed ? refreshFailure('invalid_grant') : null,
        response: durationMs === null ? null : { status: 200, duration_ms: durationMs },
      }),
    );
  }

  it('are counted per interval by outcome, whatever their source', async () => {
    await attempt({ ageMs: 3 * HOUR });
    await attempt({ ageMs: 2 * HOUR + 1, failed: true });
    await attempt({ ageMs: MINUTE });
    await attempt({ ageMs: MINUTE, action: 'token_refresh_debug' });
    await attempt({ ageMs: MINUTE, action: 'token_refresh_debug', failed: true });
    await attempt({ ageMs: MINUTE, action: 'token_refresh_error', failed: true, durationMs: null });
    await attempt({ ageMs: 0 });
    const counted = await attempts(3);
    expect(counted.map(({ refreshed, failed }) => [refreshed, failed])).toEqual([
      [1, 1],
      [0, 0],
      [2, 2],
    ]);
  });

  it('include only those of the organisation, without heartbeats and warnings', async () => {
    await attempt({ organisation: 'org_b' });
    await attempt({ organisation: null, action: 'worker_heartbeat' });
    await attempt({ action: 'refresh_token_expiring' });
    expect(await attempts(1)).toEqual([
      {
        from: fromNow(-HOUR),
        to: NOW,
        refreshed: 0,
        failed: 0,
        failures: [],
        p50Ms: null,
        p95Ms: null,
      },
    ]);
  });

  it('give percentiles of the response times to within 10%', async () => {
    for (let duration = 10; duration <= 1000; duration += 10)
      await attempt({ durationMs: duration });
    await attempt({ durationMs: null, failed: true });
    const [{ p50Ms, p95Ms } = { p50Ms: 0, p95Ms: 0 }] = await attempts(1);
    expect(Number(p50Ms)).toBeGreaterThan(500 * 0.89);
    expect(Number(p50Ms)).toBeLessThan(500 * 1.11);
    expect(Number(p95Ms)).toBeGreaterThan(950 * 0.89);
    expect(Number(p95Ms)).toBeLessThan(950 * 1.11);
  });

  it.each([0, 1, 60_000])('have a percentile after %d ms', async (durationMs) => {
    await attempt({ durationMs });
    const [counted] = await attempts(1);
    expect(Math.abs(Number(counted?.p50Ms) - durationMs)).toBeLessThanOrEqual(
      Math.max(1, durationMs * 0.11),
    );
  });

  it('are counted per run, only for the organisation', async () => {
    for (const run_id of ['run_1', 'run_1', 'run_2']) {
      await store.logEntries.record(entryOf({ run_id }));
      await store.logEntries.record(entryOf({ run_id, organisation: 'org_b' }));
    }
    const counts = await store.statistics.attemptsByRun({
      organisation: 'org_a',
      accountIds: ['acc_1'],
      runIds: ['run_1', 'run_3'],
      since: NOW,
    });
    expect([...counts]).toEqual([['run_1', 2]]);
  });
});
