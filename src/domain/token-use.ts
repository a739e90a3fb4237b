/** When a use of an account (somebody asks for a token) refreshes it. Decisions only; nothing here reads or writes. */
import { type Account, AccountState } from './account';
import { remainingLifeMs, type SealedGrant } from './grant';
import { retryPauseMs } from './refresh-policy';

type UseReason =
  | 'access_token_expires'
  | 'fresh'
  | 'quarantined'
  | 'no_refresh_token'
  | 'backing_off'
  | 'needs_reconnect'
  | 'inactive'
  | 'disabled';

/** More than this part of a token's whole life cannot be asked for at every moment. */
const LIFE_ASKABLE = 0.9;

/**
 * Whether a use that needs a token for `minValidSeconds` should refresh the account first.
 *
 * A back-off is kept while the token lives. Once it has ended, nothing else is left to the user, and a use may try
 * again earlier than a sweep would, after a pause that grows to five minutes, unless the provider itself said when to
 * come back.
 */
export function useDecision(
  account: Pick<
    Account,
    | 'state'
    | 'quarantine'
    | 'current'
    | 'nextAttemptAt'
    | 'lastAttempt'
    | 'lastError'
    | 'failedAttempts'
  >,
  minValidSeconds: number,
  now: Date,
): { due: boolean; reason: UseReason } {
  if (account.state !== AccountState.active) return { due: false, reason: account.state };
  const { current, lastAttempt, lastError, nextAttemptAt } = account;
  const remainingMs = remainingLifeMs(current, now);
  if (remainingMs > 0 && remainingMs >= neededMs(current, minValidSeconds))
    return { due: false, reason: 'fresh' };
  if (current.refreshToken === null) return { due: false, reason: 'no_refresh_token' };
  if (account.quarantine) return { due: false, reason: 'quarantined' };

  const failedAt = lastAttempt?.outcome === 'failed' ? lastAttempt.finishedAt : null;
  // A grant that came later (a reconnect) owes nothing to the failure of the one before.
  if (failedAt === null || failedAt.getTime() < Date.parse(current.obtainedAt))
    return { due: true, reason: 'access_token_expires' };
  const justFailed = now.getTime() - failedAt.getTime() < retryPauseMs(account.failedAttempts);
  const waits = nextAttemptAt !== null && nextAttemptAt > now;
  // What the provider asked for (429) is not counted against the account, and so is not its last error.
  const askedToWait = lastError?.at.getTime() !== failedAt.getTime();
  return justFailed || (waits && (remainingMs > 0 || askedToWait))
    ? { due: false, reason: 'backing_off' }
    : { due: true, reason: 'access_token_expires' };
}

/**
 * How long the token must still live. Where the provider's tokens do not live as long as is asked, refreshing at
 * every use would not help: such a token is refreshed at half its life.
 */
function neededMs(grant: SealedGrant, minValidSeconds: number): number {
  const askedMs = minValidSeconds * 1000;
  // A person may have entered a token late in its life: how long the provider's live is not known yet.
  if (grant.attemptId === null) return askedMs;
  const lifeMs = remainingLifeMs(grant, new Date(grant.obtainedAt));
  return askedMs <= lifeMs * LIFE_ASKABLE ? askedMs : lifeMs / 2;
}
