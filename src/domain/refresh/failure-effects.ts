/** Decides how a failed attempt changes its account, by the class of the failure. The store writes the decision. */
import type { Candidate } from '../account/account';
import { type Account, AccountState } from '../account/account';
import { policyOf, type RefreshRule, sweepBackOffMs } from '../account/due-times';
import { type RefreshPolicy } from '../account/policy';
import { isGrantRefused, type RefreshFailure } from './refresh-failure';
import { pauseWithinLifeMs, TOO_EARLY_WAIT_MAX_MS, tooEarlyPauseMs } from './replay';

export interface FailureEffects {
  /** Whether the failure is counted and shown on the account. `false` if the account did not cause it. */
  countsAgainstAccount: boolean;
  /** `null`: unchanged. */
  state: AccountState | null;
  /** Sweeps skip the account until this time. `null`: they do not skip it. */
  nextAttemptAt: Date | null;
}

export function failureEffects(
  failure: RefreshFailure,
  { current, failedAttempts }: Pick<Account, 'current' | 'failedAttempts'>,
  policy: Pick<RefreshPolicy, 'backOffFirstMs' | 'backOffMaxMs' | 'sweepEveryMs'>,
  now: Date,
  /** The state of accounts that the provider refuses, from its adapter. */
  refusedState: AccountState = AccountState.needsReconnect,
): FailureEffects {
  const later = (waitMs: number) => new Date(now.getTime() + waitMs);
  const backOffMs = () => {
    const pauseMs = sweepBackOffMs(failedAttempts + 1, policy);
    // The sweep after the pause must run before the refresh token expires.
    const lastMs = pauseWithinLifeMs(Infinity, current, now) - policy.sweepEveryMs;
    return lastMs > 0 ? Math.min(pauseMs, lastMs) : pauseMs;
  };
  switch (failure.class) {
    case 'account':
      return {
        countsAgainstAccount: true,
        state: isGrantRefused(failure) ? refusedState : AccountState.needsReconnect,
        nextAttemptAt: null,
      };
    case 'app':
      return { countsAgainstAccount: false, state: null, nextAttemptAt: null };
    case 'rate': {
      if (failure.code !== 'too_early')
        return {
          countsAgainstAccount: false,
          state: null,
          nextAttemptAt: later(failure.retryAfterMs ?? 0),
        };
      const pauseMs = tooEarlyPauseMs(current, now);
      // The provider refused although the access token has expired, so this counts as an ordinary failure.
      if (pauseMs === null)
        return { countsAgainstAccount: true, state: null, nextAttemptAt: later(backOffMs()) };
      // The workflow waits for a short pause. A sweep ends a longer one, and must start before the pause is over.
      const leadMs = pauseMs > TOO_EARLY_WAIT_MAX_MS ? policy.sweepEveryMs : 0;
      return {
        countsAgainstAccount: false,
        state: null,
        nextAttemptAt: later(Math.max(0, pauseMs - leadMs)),
      };
    }
    case 'provider':
    case 'ours':
      return { countsAgainstAccount: true, state: null, nextAttemptAt: later(backOffMs()) };
  }
}

/** How long, in ms, a workflow retries a candidate that sweeps also retry. More would delay ordinary refreshes. */
const RETRY_BESIDE_SWEEPS_MS = 120_000;
/** How long, in ms, a workflow retries a candidate that no sweep retries. */
const RETRY_ALONE_MS = 3600_000;

/** Decides when a candidate is retried after this failure, or `null` if it was refused and is dropped. */
export function candidateRetryAt(
  failure: RefreshFailure,
  { failedAttempts }: Pick<Candidate, 'failedAttempts'>,
  policy: Pick<RefreshPolicy, 'backOffFirstMs' | 'backOffMaxMs'>,
  now: Date,
): Date | null {
  if (failure.class === 'account') return null;
  const backOffMs = sweepBackOffMs(failedAttempts + 1, policy);
  return new Date(now.getTime() + Math.max(backOffMs, failure.retryAfterMs ?? 0));
}

/** Returns the time until which the workflow itself retries a candidate. */
export function candidateRetriedUntil(
  account: Pick<Account, 'state' | 'policy'>,
  { since }: Pick<Candidate, 'since'>,
  rule: RefreshRule,
): Date {
  const isSwept = account.state === AccountState.active && policyOf(account, rule).enabled;
  return new Date(since.getTime() + (isSwept ? RETRY_BESIDE_SWEEPS_MS : RETRY_ALONE_MS));
}
