/**
 * Decisions of a reconnect. A candidate is tried before it replaces the current grant, and the replaced grant is kept
 * while it may still work. Pure functions.
 */
import type { RefreshFailure, RefreshFailureCode } from '../refresh/refresh-failure';
import { type LostAnswer, unansweredCause } from '../refresh/replay';
import type { Candidate, ReplacedGrant } from './account';
import { type Account, AccountState } from './account';
import type { SealedGrant } from './grant';
import { type GrantType, grantNoun, holdsCredentials } from './grant-type';

/** How long, in ms, a replaced grant is kept if the expiry of its refresh token is unknown. */
const REPLACED_KEPT_MS = 30 * 24 * 3600_000;

export function newCandidate(grant: SealedGrant, by: string, now: Date): Candidate {
  return {
    fingerprint: grantFingerprint(grant),
    grant,
    since: now,
    by,
    failedAttempts: 0,
    nextAttemptAt: null,
    lastFailure: null,
  };
}

export function grantFingerprint(grant: SealedGrant): string {
  return grant.refreshTokenFingerprint ?? grant.accessTokenFingerprint ?? '';
}

/**
 * Returns what is kept of the current grant when another one replaces it, or `null` if its refresh token was refused,
 * is known to be rotated, or has expired.
 */
export function replacedBy(
  {
    current,
    state,
    staleRestore,
    replaced,
  }: Pick<Account, 'current' | 'state' | 'staleRestore' | 'replaced'>,
  grant: SealedGrant,
  now: Date,
): ReplacedGrant | null {
  if (staleRestore || state === AccountState.needsReconnect) return null;
  // Its tokens were deleted.
  if (state === AccountState.disconnected) return null;
  // In quarantine, two wrong tokens in a row must not discard the grant that worked before them.
  const isUntried = current.attemptId === null;
  if (isUntried && replaced !== null && replaced.until > now)
    return grantFingerprint(replaced.grant) === grantFingerprint(grant) ? null : replaced;
  if (grantFingerprint(current) === grantFingerprint(grant)) return null;
  const { refreshTokenExpiresAt: expiresAt } = current;
  const until =
    expiresAt === null ? new Date(now.getTime() + REPLACED_KEPT_MS) : new Date(expiresAt);
  return until <= now ? null : { grant: current, at: now, until };
}

/** Returns the candidate that a refresh may try now, or `null` if there is none, or if it is backing off. */
export function candidateToTry(
  { candidate = null }: { candidate?: Candidate | null },
  now: Date,
  /** Ignores the back-off. */
  force: boolean,
): Candidate | null {
  const at = candidateDueAt(candidate);
  return at !== null && (force || at <= now) ? candidate : null;
}

/** Returns when sweeps try the candidate, or `null` if there is none, or if it has no refresh token. */
export function candidateDueAt(candidate: Candidate | null): Date | null {
  if (candidate === null || candidate.grant.refreshToken === null) return null;
  return candidate.nextAttemptAt ?? candidate.since;
}

/** Failures after which the provider may have used the refresh token. */
const UNANSWERED: ReadonlySet<RefreshFailureCode> = new Set<RefreshFailureCode>([
  'answer_lost',
  'worker_lost',
  'provider_unavailable',
  'invalid_token_response',
]);

/** Returns the candidate's last request if its answer was lost, or `null` if it was answered, or if none was sent. */
export function unansweredOfCandidate({ grant, lastFailure }: Candidate): LostAnswer | null {
  const { refreshTokenFingerprint } = grant;
  if (lastFailure === null || !UNANSWERED.has(lastFailure.code)) return null;
  if (refreshTokenFingerprint === null) return null;
  const cause = unansweredCause(lastFailure);
  return { sentAt: lastFailure.at, refreshTokenFingerprint, cause };
}

/** Returns the failure of a candidate's attempt with a message that fits it. */
export function candidateFailure(failure: RefreshFailure, grantType: GrantType): RefreshFailure {
  return { ...failure, message: messageOf(failure, grantType) };
}

function messageOf(
  { class: failureClass, code, message }: RefreshFailure,
  grantType: GrantType,
): string {
  const noun = grantNoun(grantType);
  if (code === 'invalid_grant' && !holdsCredentials(grantType))
    return 'The provider refused the new refresh token: it is wrong, expired, revoked, or belongs to another OAuth app. The account keeps its current grant.';
  return failureClass === 'account'
    ? `The new ${noun} cannot be used, so the account keeps its current grant. ${message}`
    : `The provider has not accepted the new ${noun} yet. Evergrant stores the new grant for a retry, and the account keeps its current grant. ${message}`;
}
