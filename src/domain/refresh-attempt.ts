/** What goes into and comes out of one refresh: the shapes that cross between API, workflows and activities. */
import type { SealedGrant } from './grant';
import type { ExchangeOutcome, LogEntry, LogSource } from './log-entry';
import type { RefreshFailure } from './refresh-failure';
import type { ReplayRule } from './replay';

/** Somebody wants an account refreshed. */
export interface RefreshRequest {
  source: LogSource;
  /** Who asks, for the log: a key id, a sweep's workflow id. */
  caller: string;
  /** ISO time at which it was asked: an attempt that ended later already answers it. */
  requestedAt: string;
  /** Refresh although the account is not due. */
  force: boolean;
  /**
   * A use wants an access token that lives this long: whether the account is due is then decided by that, not by the
   * sweep's rule. Absent in requests that are no use.
   */
  minValidSeconds?: number;
  /** Keep headers and bodies, masked (debug). */
  capture: boolean;
}

export interface RefreshGrantInput {
  accountId: string;
  attemptId: string;
  /** This workflow's own earlier attempt that ended without a word: its claim may be taken over at once. */
  supersedes: string | null;
  /** A further try of the same workflow: it is neither asked whether the account is due nor shared with earlier ones. */
  retry: boolean;
  request: RefreshRequest;
}

/** How one attempt ended, as every caller sees it. */
export interface AttemptOutcome {
  accountId: string;
  /** `skipped`: not due, or a newer grant than the request was already there. `busy`: another worker holds it. */
  outcome: 'refreshed' | 'failed' | 'skipped' | 'busy';
  reason: string;
  exchange: ExchangeOutcome | null;
  failure: RefreshFailure | null;
  generation: number | null;
  expiresAt: string | null;
  logEntryId: string | null;
}

const SKIPPED: Readonly<Record<string, string>> = {
  does_not_expire: 'The access token does not end, so there is nothing to refresh.',
  no_refresh_token:
    'The access token does not end and came without a refresh token, so it cannot be refreshed; nothing was sent. Validate the account to see whether its token works.',
};

/** The outcome as a sentence for people, where there is more to say than its reason. */
export function outcomeSentence({
  failure,
  reason,
}: Pick<AttemptOutcome, 'failure' | 'reason'>): string | null {
  return failure?.message ?? SKIPPED[reason] ?? null;
}

/** What an attempt could not write because the database was away; the workflow writes it, for days if need be. */
export interface Unwritten {
  /** A grant that was received: sealed, so it may wait in Temporal's history. */
  grant: SealedGrant | null;
  generation: number;
  entry: LogEntry;
}

export interface RefreshGrantResult {
  attempt: AttemptOutcome;
  /** For the workflow's decision on what comes next. */
  accessTokenExpiresAt: string | null;
  sentAt: string | null;
  replayRule: ReplayRule | null;
  /** A grant that had lost a race took the refused one's place: try again at once. */
  leafPromoted: boolean;
  /** The generation that a new refresh token came with; `null`: none came. */
  rotatedTo: number | null;
  unwritten: Unwritten | null;
}
