/** When an account is due, and when a failed one is tried again. Decisions only; nothing here reads or writes. */
import { type Account, AccountState } from './account';

/** Durations in milliseconds. */
export interface RefreshPolicy {
  sweepEveryMs: number;
  /** Due when the access token ends within this. */
  refreshBeforeMs: number;
  /** Due when the last refresh is this long ago: the failsafe for an expiry that was wrong (R0.3). */
  refreshAfterAgeMs: number | null;
  /** How often the provider is asked whether an access token works; 0: in every sweep, `null`: never. */
  validateEveryMs: number | null;
}

type DueReason =
  | 'access_token_expires'
  | 'refreshed_long_ago'
  | 'fresh'
  | 'does_not_expire'
  | 'backing_off'
  | 'needs_reconnect'
  | 'inactive'
  | 'disabled';

export interface DueDecision {
  due: boolean;
  reason: DueReason;
}

/** Whether a sweep should refresh the account now, and why or why not. The store's due query asks the same. */
export function dueDecision(
  account: Pick<Account, 'state' | 'current' | 'lastRefreshedAt' | 'nextAttemptAt'>,
  policy: RefreshPolicy,
  now: Date,
): DueDecision {
  if (account.state !== AccountState.active) return { due: false, reason: account.state };
  if (account.current.expiresAt === null) return { due: false, reason: 'does_not_expire' };
  if (account.nextAttemptAt !== null && account.nextAttemptAt > now)
    return { due: false, reason: 'backing_off' };
  const { expiresBefore, refreshedBefore } = dueBounds(policy, now);
  if (new Date(account.current.expiresAt) <= expiresBefore)
    return { due: true, reason: 'access_token_expires' };
  if (refreshedBefore !== null && account.lastRefreshedAt <= refreshedBefore) {
    return { due: true, reason: 'refreshed_long_ago' };
  }
  return { due: false, reason: 'fresh' };
}

/** The bounds of the two range scans that list the due accounts. */
export function dueBounds(
  policy: RefreshPolicy,
  now: Date,
): { expiresBefore: Date; refreshedBefore: Date | null } {
  return {
    expiresBefore: new Date(now.getTime() + policy.refreshBeforeMs),
    refreshedBefore:
      policy.refreshAfterAgeMs === null ? null : new Date(now.getTime() - policy.refreshAfterAgeMs),
  };
}

const BACK_OFF_FIRST_MS = 10_000;
const BACK_OFF_IN_WORKFLOW_MAX_MS = 5 * 60_000;
const BACK_OFF_BETWEEN_SWEEPS_MAX_MS = 60 * 60_000;

/** The pause before try `failures + 1` inside a workflow: 10 s, doubling, at most 5 min. */
export function retryPauseMs(failures: number): number {
  return Math.min(BACK_OFF_FIRST_MS * 2 ** Math.max(0, failures - 1), BACK_OFF_IN_WORKFLOW_MAX_MS);
}

/** How long sweeps leave an account alone after `failures` in a row: 10 s, doubling, at most an hour. */
export function sweepBackOffMs(failures: number): number {
  return Math.min(
    BACK_OFF_FIRST_MS * 2 ** Math.min(Math.max(0, failures - 1), 20),
    BACK_OFF_BETWEEN_SWEEPS_MAX_MS,
  );
}
