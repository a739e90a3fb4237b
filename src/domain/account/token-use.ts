/** Decides whether a token request refreshes the account first. Pure functions. */
import { type Account, AccountState } from './account';
import { dueMoments, type RefreshRule, retryPauseMs, type WithDueTimes } from './due-times';
import { lifeMs, remainingLifeMs } from './grant';
import { isRenewing, refreshTokenLifeMs } from './refresh-token-expiry';

type UseReason =
  | 'access_token_expires'
  | 'refresh_token_expires'
  | 'fresh'
  | 'not_before'
  | 'quarantined'
  | 'no_refresh_token'
  | 'backing_off'
  | 'needs_reconnect'
  | 'inactive'
  | 'disabled'
  | 'disconnected';

/**
 * Largest `minValidSeconds`, as a fraction of a token's lifetime, that is honoured. A larger one would cause a refresh at
 * almost every request.
 */
const LIFE_ASKABLE = 0.9;

/**
 * Decides whether a caller that needs a token for `minValidSeconds` must wait for a refresh.
 *
 * The access token must live for `minValidSeconds`. A refresh token that refreshes renew must live that long, too;
 * otherwise it could expire before the next caller asks.
 *
 * After failures, the back-off of sweeps also applies to callers while the access token lives. Once it has expired, a
 * caller waits only for the pause between attempts, which grows to five minutes. A wait that the provider asked for
 * applies in both cases.
 */
export function useDecision(
  account: WithDueTimes &
    Pick<Account, 'state' | 'quarantine' | 'lastAttempt' | 'lastError' | 'failedAttempts'>,
  rule: RefreshRule,
  minValidSeconds: number,
  now: Date,
): { due: boolean; reason: UseReason } {
  if (account.state !== AccountState.active) return { due: false, reason: account.state };
  const { current, lastAttempt, lastError, nextAttemptAt } = account;
  const remainingMs = remainingLifeMs(current, now);
  const isFresh = remainingMs > 0 && remainingMs >= neededOfAccessMs(account, minValidSeconds);
  const reason = isFresh ? 'refresh_token_expires' : 'access_token_expires';
  if (isFresh && (account.quarantine || !needsNewRefreshToken(account, rule, minValidSeconds, now)))
    return { due: false, reason: 'fresh' };
  if (current.refreshToken === null) return { due: false, reason: 'no_refresh_token' };
  if (account.quarantine) return { due: false, reason: 'quarantined' };
  const { notBefore } = dueMoments(account, rule);
  if (notBefore !== null && notBefore > now) return { due: false, reason: 'not_before' };

  const isOfCurrent = lastAttempt?.outcome === 'failed' && lastAttempt.ofCandidate !== true;
  const failedAt = isOfCurrent ? lastAttempt.finishedAt : null;
  // A failure before the current grant was obtained (by a reconnect) does not count against it.
  if (failedAt === null || failedAt.getTime() < Date.parse(current.obtainedAt))
    return { due: true, reason };
  const justFailed = now.getTime() - failedAt.getTime() < retryPauseMs(account.failedAttempts);
  const waits = nextAttemptAt !== null && nextAttemptAt > now;
  // A wait that the provider asked for (429) is not recorded as the account's last error.
  const askedToWait = lastError?.at.getTime() !== failedAt.getTime();
  return justFailed || (waits && (remainingMs > 0 || askedToWait))
    ? { due: false, reason: 'backing_off' }
    : { due: true, reason };
}

/**
 * Required remaining lifetime in ms. If the provider's tokens never live as long as requested, the token is refreshed
 * at half its lifetime, because a refresh per request would not help.
 */
function neededMs(minValidSeconds: number, wholeLifeMs: number): number {
  const askedMs = minValidSeconds * 1000;
  return askedMs <= wholeLifeMs * LIFE_ASKABLE ? askedMs : wholeLifeMs / 2;
}

function neededOfAccessMs({ current }: Pick<Account, 'current'>, minValidSeconds: number): number {
  // A token entered by a person may be partly used up, so its full lifetime is not known yet.
  if (current.attemptId === null || current.expiresAt === null) return minValidSeconds * 1000;
  return neededMs(minValidSeconds, lifeMs(current, current.expiresAt));
}

function needsNewRefreshToken(
  account: WithDueTimes,
  rule: RefreshRule,
  minValidSeconds: number,
  now: Date,
): boolean {
  const { refreshTokenExpiresAt } = account.current;
  if (refreshTokenExpiresAt === null || !isRenewing(account, rule)) return false;
  const wholeLifeMs = refreshTokenLifeMs({ ...account.current, refreshTokenExpiresAt }, rule);
  const leftMs = Date.parse(refreshTokenExpiresAt) - now.getTime();
  return leftMs < neededMs(minValidSeconds, wholeLifeMs);
}
