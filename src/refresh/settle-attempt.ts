/** Records the effects of a failed attempt on its account; used by the refresh and by its durable retry. */
import type { Account } from '../domain/account/account';
import { policyOf } from '../domain/account/due-times';
import type { LogEntry } from '../domain/logs/log-entry';
import { candidateRetryAt, settlementDecision } from '../domain/refresh/failure-effects';
import { isGrantRefused, type RefreshFailure } from '../domain/refresh/refresh-failure';
import { type UnansweredSend, unansweredCause } from '../domain/refresh/replay';
import type { RefreshDependencies } from './dependencies';

export type Settled =
  | 'settled'
  /** The account's grant or claim had changed; the failure concerns an older grant. */
  | 'overtaken'
  /** An orphaned grant of this account replaced the refused one. */
  | 'leaf_promoted'
  /** The candidate was refused and is dropped; the current grant stays. */
  | 'candidate_refused'
  /** The candidate stays and is tried again. */
  | 'candidate_waits';

export async function settleAttempt(
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
): Promise<Settled> {
  const failure = entry.error;
  if (failure === null) return 'settled';
  const now = deps.now();
  const handedIn = entry.diagnostics?.handed_in;
  if (handedIn !== undefined) {
    const { candidate } = account;
    if (candidate?.fingerprint !== handedIn) return 'overtaken';
    const judged = backsOff ? { ...failure, class: 'provider' as const } : failure;
    const policy = policyOf(account, deps.providers.rule(account.provider));
    const retryAt = candidateRetryAt(judged, candidate, policy, now);
    const settled = await deps.store.grants.settleCandidate({
      account,
      candidate,
      attemptId: entry.id,
      source: entry.source,
      failure,
      retryAt,
      now,
    });
    if (!settled) return 'overtaken';
    return retryAt === null ? 'candidate_refused' : 'candidate_waits';
  }
  if (isGrantRefused(failure) && (await deps.store.grants.promoteLeaf(account, entry.id, now))) {
    return 'leaf_promoted';
  }
  const settled = await deps.store.grants.settle({
    account,
    attemptId: entry.id,
    source: entry.source,
    failure,
    unanswered: unansweredOf(account, entry, failure, sentAt),
    decision: settlementDecision(
      backsOff ? { ...failure, class: 'provider' } : failure,
      account,
      policyOf(account, deps.providers.rule(account.provider)),
      now,
      deps.providers.find(account.provider)?.adapter.refusedState,
    ),
    now,
  });
  return settled ? 'settled' : 'overtaken';
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
