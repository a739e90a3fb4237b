/** What goes into and comes out of one refresh: the shapes that cross between API, workflows and activities. */
import type { SealedGrant } from './grant';
import type { HoldReason } from './lane';
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
  /** Made to find out whether a closed lane has healed. */
  probe?: boolean;
}

export interface RefreshGrantInput {
  accountId: string;
  attemptId: string;
  /** The caller's own earlier attempts that ended without a word: their claim may be taken over at once. */
  supersedes: string | readonly string[] | null;
  /** A further try of the same workflow: it is neither asked whether the account is due nor shared with earlier ones. */
  retry: boolean;
  request: RefreshRequest;
}

/** An account's first attempt that was made in a batch: its own workflow goes on from there. */
export interface FirstAttempt {
  attemptId: string;
  /** `null`: it ended without a word. */
  result: RefreshGrantResult | null;
}

/** The reason of an attempt that is busy because its own claim stands: a worker began with it, and said no more. */
export const BEGUN_BEFORE = 'begun_before';

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
  /** Set where nothing was sent because of the account's lane: it may be asked again after so long. */
  heldForMs?: number;
}

/** Why a lane held a request back; `failure`: what closed the lane. */
export interface HeldBack {
  reason: HoldReason;
  heldForMs: number;
  failure: RefreshFailure | null;
}

/** Where nothing was sent because of the lane. */
const HELD: Readonly<Record<HoldReason, string>> = {
  app_incident:
    'Nothing was sent: the provider refuses the OAuth app itself. One account at a time asks whether it is accepted again; then all that is due is refreshed.',
  provider_outage:
    'Nothing was sent: the provider fails for all accounts. One at a time asks whether it answers again; then all that is due is refreshed.',
  throttled: 'Nothing was sent: the provider asked this OAuth app to wait.',
  quota_spent:
    'Nothing was sent: what this OAuth app may send in a day is used up. A larger quota can be set in providers.yaml.',
  rate_limited: 'Nothing was sent: more is waiting than this OAuth app may send in a second.',
  first_answer_awaited: 'Nothing was sent yet: the provider has not answered the first requests.',
};

const HELD_SENTENCES: ReadonlyMap<string, string> = new Map(Object.entries(HELD));

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
  const held = heldSentence(reason);
  if (held !== null) return failure === null ? held : `${held} ${failure.message}`;
  return failure?.message ?? SKIPPED[reason] ?? null;
}

/** Why the lane held it back; `null`: that is not the reason. */
export function heldSentence(reason: string): string | null {
  return HELD_SENTENCES.get(reason) ?? null;
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
  /** The lane that this attempt closed or opened. Absent in what older workers answered. */
  lane?: LaneTurn | null;
}

export interface LaneTurn {
  provider: string;
  environment: string;
  state: 'opened' | 'closed';
}
