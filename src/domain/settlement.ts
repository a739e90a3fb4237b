/** What a failed attempt does to its account: decided here, by the failure's class, and written by the store. */
import { AccountState } from './account';
import type { RefreshFailure } from './refresh-failure';
import { type RefreshPolicy, sweepBackOffMs } from './refresh-policy';

export interface SettlementDecision {
  /** Shown on the account and counted; `false` where it is not the account's doing. */
  countsAgainstAccount: boolean;
  /** `null`: stays as it is. */
  state: AccountState | null;
  /** Sweeps leave the account alone until then; `null`: they need not. */
  nextAttemptAt: Date | null;
}

export function settlementDecision(
  failure: RefreshFailure,
  failedAttempts: number,
  policy: Pick<RefreshPolicy, 'backOffFirstMs' | 'backOffMaxMs'>,
  now: Date,
  /** Of accounts that the provider itself refuses, as its adapter says. */
  refusedState: AccountState = AccountState.needsReconnect,
): SettlementDecision {
  const later = (waitMs: number) => new Date(now.getTime() + waitMs);
  switch (failure.class) {
    case 'account':
      return {
        countsAgainstAccount: true,
        state: failure.code === 'invalid_grant' ? refusedState : AccountState.needsReconnect,
        nextAttemptAt: null,
      };
    case 'app':
      return { countsAgainstAccount: false, state: null, nextAttemptAt: null };
    case 'rate':
      return {
        countsAgainstAccount: false,
        state: null,
        nextAttemptAt: later(failure.retryAfterMs ?? 0),
      };
    case 'provider':
    case 'ours':
      return {
        countsAgainstAccount: true,
        state: null,
        nextAttemptAt: later(sweepBackOffMs(failedAttempts + 1, policy)),
      };
  }
}
