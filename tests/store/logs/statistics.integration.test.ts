/** Token expiries and attempts of an organisation over time, counted in the database. */
import type { LogAction } from '../../../src/domain/logs/log-entry';
import { refreshFailure } from '../../../src/domain/refresh/refresh-failure';
import {
  addAccount,
  entryOf,
  fromNow,
  grantOf,
  MINUTE,
  NOW,
  storeForTest,
  type TestStore,
} from '../_store';

const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

let store: TestStore;
beforeEach(async () => {
  store = await storeForTest();
});
afterEach(() => store.close());

const hours = (count: number, from = 0) =>
  Array.from({ length: count + 1 }, (_, hour) => fromNow((from + hour) * HOUR));

describe('token expiries', () => {
  const ending = (boundaries: Date[], organisation = 'org_a') =>
    store.statistics.tokensEnding({ organisation, end: 'expires_at', boundaries });

  it('are counted per interval, which includes its start and excludes its end', async () => {
    for (const expiresInMs of [-1, 0, HOUR - 1, HOUR, 2 * HOUR, 3 * HOUR])
      await addAccount(store, { expiresInMs });
    expect(await ending(hours(3))).toEqual([2, 1, 1]);
  });

  it('include only accounts of the organisation that are not disabled', async () => {
    await addAccount(store, { expiresInMs: MINUTE });
    await addAccount(store, { expiresInMs: MINUTE, organisation: 'org_b' });
    const { id } = await addAccount(store, { expiresInMs: MINUTE });
    await store.accounts.patch('org_a', id, { state: 'disabled' }, NOW);
    expect(await ending(hours(1))).toEqual([1]);
    expect(await ending(hours(1), 'org_c')).toEqual([0]);
  });

  it('can be those of refresh tokens, over months of unequal length, without tokens that do not expire', async () => {
    for (const days of [1, 40, 45, null]) {
      const end = days === null ? null : fromNow(days * DAY).toISOString();
      await addAccount(store, { grant: grantOf(null, { refreshTokenExpiresAt: end }) });
    }
    const months = ['2026-11-01', '2026-12-01', '2027-01-01', '2027-02-01'];
    const counts = await store.statistics.tokensEnding({
      organisation: 'org_a',
      end: 'refresh_token_expires_at',
      boundaries: months.map((month) => new Date(month)),
    });
    // 23 November, 1 and 6 January.
    expect(counts).toEqual([1, 0, 2]);
  });
});

describe('attempts', () => {
  const attempts = (boundaries: Date[], organisation = 'org_a') =>
    store.statistics.attempts({ organisation, boundaries });

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
    const counted = await attempts(hours(3, -3));
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
    expect(await attempts(hours(1, -1))).toEqual([
      { refreshed: 0, failed: 0, p50Ms: null, p95Ms: null },
    ]);
  });

  it('give percentiles of the response times to within 10%', async () => {
    for (let duration = 10; duration <= 1000; duration += 10)
      await attempt({ durationMs: duration });
    await attempt({ durationMs: null, failed: true });
    const [{ p50Ms, p95Ms } = { p50Ms: 0, p95Ms: 0 }] = await attempts(hours(1, -1));
    expect(Number(p50Ms)).toBeGreaterThan(500 * 0.89);
    expect(Number(p50Ms)).toBeLessThan(500 * 1.11);
    expect(Number(p95Ms)).toBeGreaterThan(950 * 0.89);
    expect(Number(p95Ms)).toBeLessThan(950 * 1.11);
  });

  it.each([0, 1, 60_000])('have a percentile after %d ms', async (durationMs) => {
    await attempt({ durationMs });
    const [counted] = await attempts(hours(1, -1));
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
