import {
  dueBounds,
  dueDecision,
  type RefreshPolicy,
  retryPauseMs,
  sweepBackOffMs,
} from '../../src/domain/refresh-policy';
import { ENDLESS, grantUntil } from './_grants';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const MINUTE = 60_000;
/** eBay's: R0.3. */
const POLICY: RefreshPolicy = {
  sweepEveryMs: 10 * MINUTE,
  refreshBeforeMs: 15 * MINUTE,
  refreshAfterAgeMs: 60 * MINUTE,
  validateEveryMs: null,
};
const fromNow = (ms: number) => new Date(NOW.getTime() + ms);

function decide(account: {
  expiresInMs: number;
  refreshedAgoMs: number;
  state?: 'active' | 'needs_reconnect' | 'inactive' | 'disabled';
  backOffMs?: number;
  policy?: RefreshPolicy;
}) {
  return dueDecision(
    {
      state: account.state ?? 'active',
      current: grantUntil(fromNow(account.expiresInMs)),
      lastRefreshedAt: fromNow(-account.refreshedAgoMs),
      nextAttemptAt: account.backOffMs === undefined ? null : fromNow(account.backOffMs),
    },
    account.policy ?? POLICY,
    NOW,
  );
}

const YOUNG = { expiresInMs: 90 * MINUTE, refreshedAgoMs: 30 * MINUTE };

describe('dueDecision', () => {
  it('of an access token that does not end is never due, however old it is', () => {
    const account = { state: 'active' as const, current: ENDLESS, nextAttemptAt: null };
    for (const lastRefreshedAt of [NOW, new Date(0)]) {
      expect(dueDecision({ ...account, lastRefreshedAt }, POLICY, NOW)).toEqual({
        due: false,
        reason: 'does_not_expire',
      });
    }
  });
});

describe('R0.3 dueDecision', () => {
  it.each([
    ['with exactly 15 minutes left', 15 * MINUTE, 0, true, 'access_token_expires'],
    ['with 15 minutes and a millisecond left', 15 * MINUTE + 1, 0, false, 'fresh'],
    ['with 14 minutes left', 14 * MINUTE, 0, true, 'access_token_expires'],
    ['expiring this moment', 0, 0, true, 'access_token_expires'],
    ['expired long ago', -1000 * MINUTE, 0, true, 'access_token_expires'],
    ['refreshed exactly 60 minutes ago', 90 * MINUTE, 60 * MINUTE, true, 'refreshed_long_ago'],
    ['refreshed a millisecond less ago', 90 * MINUTE, 60 * MINUTE - 1, false, 'fresh'],
    [
      'with a far wrong expiry, refreshed 61 minutes ago',
      1e12,
      61 * MINUTE,
      true,
      'refreshed_long_ago',
    ],
    ['due for both reasons', MINUTE, 90 * MINUTE, true, 'access_token_expires'],
    ['just refreshed', 120 * MINUTE, 0, false, 'fresh'],
    ['refreshed in the future (a clock was set back)', 120 * MINUTE, -MINUTE, false, 'fresh'],
  ])('of an account %s', (_which, expiresInMs, refreshedAgoMs, due, reason) => {
    expect(decide({ expiresInMs, refreshedAgoMs })).toEqual({ due, reason });
  });

  it.each(['needs_reconnect', 'inactive', 'disabled'] as const)(
    'never takes an account that is %s, however expired',
    (state) => {
      expect(decide({ expiresInMs: -MINUTE, refreshedAgoMs: 90 * MINUTE, state })).toEqual({
        due: false,
        reason: state,
      });
    },
  );

  it.each([
    ['still pending', 1, { due: false, reason: 'backing_off' }],
    ['over this moment', 0, { due: true, reason: 'access_token_expires' }],
    ['over', -1, { due: true, reason: 'access_token_expires' }],
  ])('of an expired account whose back-off is %s', (_when, backOffMs, decision) => {
    expect(decide({ expiresInMs: -MINUTE, refreshedAgoMs: 90 * MINUTE, backOffMs })).toEqual(
      decision,
    );
  });

  it('ignores age where the provider sets none', () => {
    const policy = { ...POLICY, refreshAfterAgeMs: null };
    expect(decide({ ...YOUNG, refreshedAgoMs: 1e10, policy })).toEqual({
      due: false,
      reason: 'fresh',
    });
  });
});

describe('dueBounds', () => {
  it('gives the bounds of the two scans, and none for age where it does not matter', () => {
    expect(dueBounds(POLICY, NOW)).toEqual({
      expiresBefore: fromNow(15 * MINUTE),
      refreshedBefore: fromNow(-60 * MINUTE),
    });
    expect(dueBounds({ ...POLICY, refreshAfterAgeMs: null }, NOW).refreshedBefore).toBeNull();
  });
});

describe('pauses between tries', () => {
  it.each([
    [0, 10],
    [1, 10],
    [2, 20],
    [3, 40],
    [5, 160],
    [6, 300],
    [100, 300],
    [5000, 300],
  ])('inside a workflow, after %i failures: %i seconds', (failures, seconds) => {
    expect(retryPauseMs(failures)).toBe(seconds * 1000);
  });

  it.each([
    [0, 10],
    [1, 10],
    [2, 20],
    [9, 2560],
    [10, 3600],
    [100, 3600],
    [5000, 3600],
  ])('between sweeps, after %i failures: %i seconds', (failures, seconds) => {
    expect(sweepBackOffMs(failures)).toBe(seconds * 1000);
  });
});
