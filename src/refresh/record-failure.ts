/** Records the effects of a failed attempt on its account; used by the refresh and by its durable retry. */
import type { Account } from '../domain/account/account';
import { policyOf } from '../domain/account/due-times';
import { holdsCredentials } from '../domain/account/grant-type';
import type { LogEntry } from '../domain/logs/log-entry';
import { candidateRetryAt, failureEffects } from '../domain/refresh/failure-effects';
import { isGrantRefused, type RefreshFailure } from '../domain/refresh/refresh-failure';
import { type UnansweredSend, unansweredCause } from '../domain/refresh/replay';
import type { RefreshDependencies } from './dependencies';

export type RecordedFailure =
  | 'recorded'
  /** The account's grant or claim had changed; the failure concerns an older grant. */
  | 'superseded'
  /** An orphaned grant of this account replaced the refused one. */
  | 'orphan_adopted'
  /** The candidate was refused and is dropped; the current grant stays. */
  | 'candidate_refused'
  /** The candidate stays, and Evergrant retries it. */
  | 'candidate_waits';

export async function recordFailure(
  deps: Pick<RefreshDependencies, 'store' | 'providers' | 'now'>,
  {
    account,
    entry,
    backsOff = false,
    sentAt = null,
  }: {
    account: Account;
    entry: LogEntry;
    /** The failure looks like the app's but may be this account's, so the account backs off increasingly. */
    backsOff?: boolean;
    /** When the request was sent; `null` if only the entry has an approximate time. */
    sentAt?: Date | null;
  },
): Promise<RecordedFailure> {
  const failure = entry.error;
  if (failure === null) return 'recorded';
  const now = deps.now();
  const submitted = entry.diagnostics?.submitted_grant;
  if (submitted !== undefined) {
    const { candidate } = account;
    if (candidate?.fingerprint !== submitted) return 'superseded';
    const judged = backsOff ? { ...failure, class: 'provider' as const } : failure;
    const policy = policyOf(account, deps.providers.rule(account.provider));
    const retryAt = candidateRetryAt(judged, candidate, policy, now);
    const recorded = await deps.store.grants.recordCandidateFailure({
      account,
      candidate,
      attemptId: entry.id,
      source: entry.source,
      failure,
      retryAt,
      now,
    });
    if (!recorded) return 'superseded';
    return retryAt === null ? 'candidate_refused' : 'candidate_waits';
  }
  // An orphaned grant of an account with credentials holds credentials that a person has replaced.
  const mayAdopt = isGrantRefused(failure) && !holdsCredentials(account.grantType);
  if (mayAdopt && (await deps.store.grants.adoptOrphan(account, entry.id, now)))
    return 'orphan_adopted';
  const recorded = await deps.store.grants.recordFailure({
    account,
    attemptId: entry.id,
    source: entry.source,
    failure,
    unanswered: unansweredOf(account, entry, failure, sentAt),
    decision: failureEffects(
      backsOff ? { ...failure, class: 'provider' } : failure,
      account,
      policyOf(account, deps.providers.rule(account.provider)),
      now,
      deps.providers.find(account.provider)?.adapter.refusedState,
    ),
    now,
  });
  return recorded ? 'recorded' : 'superseded';
}

/** The first request with this refresh token whose response was lost; it explains a later refusal. */
function unansweredOf(
  { unanswered }: Account,
  { id, created_at, outcome, diagnostics }: LogEntry,
  failure: RefreshFailure,
  sentAt: Date | null,
): UnansweredSend | null {
  const fingerprint = diagnostics?.refresh_token_fingerprint ?? null;
  if (outcome !== 'unknown' || fingerprint === null) return unanswered;
  if (unanswered?.refreshTokenFingerprint === fingerprint) return unanswered;
  return {
    attemptId: id,
    sentAt: sentAt ?? new Date(created_at),
    refreshTokenFingerprint: fingerprint,
    cause: unansweredCause(failure),
  };
}
