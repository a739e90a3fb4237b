/** Input and result types of a refresh, shared by API, workflows and activities. */
import type { SealedGrant } from '../account/grant';
import type { HoldReason } from '../limits/app-limiter';
import type { ExchangeOutcome, LogEntry, LogSource } from '../logs/log-entry';
import type { RefreshFailure } from './refresh-failure';
import type { ReplayRule } from './replay';

export interface RefreshRequest {
  source: LogSource;
  /** The caller, for the log: a key id, or a sweep's workflow id. */
  caller: string;
  /** ISO time of the request. An attempt that finished later answers it. */
  requestedAt: string;
  /** Refresh even if the account is not due. */
  force: boolean;
  /** Set by a token request, in place of the sweep's rule: the access token must live at least this long. */
  minValidSeconds?: number;
  /** Log headers and bodies, masked (debug). */
  capture: boolean;
  /** Try only the candidate. Without one, no request is sent. */
  reconnect?: boolean;
  /** The request probes an open OAuth app limiter. */
  probe?: boolean;
  /** The span within which the attempt is traced, as a W3C `traceparent`: ids only. Absent: it begins its own trace. */
  trace?: string;
}

export interface RefreshGrantInput {
  accountId: string;
  attemptId: string;
  /** Earlier attempts of this workflow that ended without a result. This attempt may take over their claim at once. */
  supersedes: string | readonly string[] | null;
  /** A retry within the same workflow. Skips the check for due accounts and ignores outcomes of earlier attempts. */
  retry: boolean;
  /** The grant to use. Absent: the candidate if there is one and its back-off is over, else the current grant. */
  grant?: 'candidate' | 'current';
  request: RefreshRequest;
}

/** The first attempt of an account, made in a batch. The account's own workflow continues from it. */
export interface FirstAttempt {
  attemptId: string;
  /** `null`: the attempt ended without a result. */
  result: RefreshGrantResult | null;
}

/** Reason of a `claimed_elsewhere` outcome if the attempt's own claim exists: a worker started this attempt and then stopped. */
export const ALREADY_CLAIMED = 'already_claimed';

/** Outcome of one attempt, as callers see it. */
export interface AttemptOutcome {
  accountId: string;
  /** `skipped`: not due, or the grant is newer than the request. `claimed_elsewhere`: another attempt holds the claim. */
  outcome: 'refreshed' | 'failed' | 'skipped' | 'claimed_elsewhere';
  reason: string;
  exchange: ExchangeOutcome | null;
  failure: RefreshFailure | null;
  generation: number | null;
  expiresAt: string | null;
  logEntryId: string | null;
  /** Set if the OAuth app limiter held the request back: ms until the limiter may be asked again. */
  heldForMs?: number;
  /** Set if `notBefore` or a lost answer delays the request: ms until it may be sent. */
  tooEarlyForMs?: number;
}

/** Why the OAuth app limiter held a request back. `failure`: the failure that opened it. */
export interface HeldBack {
  reason: HoldReason;
  heldForMs: number;
  failure: RefreshFailure | null;
}

/** Sentences for requests that the OAuth app limiter held back. */
const HELD: Readonly<Record<HoldReason, string>> = {
  app_incident:
    'Nothing was sent: the provider refuses the OAuth app itself. Evergrant probes it with one account at a time, and refreshes all due accounts when the provider accepts the app again.',
  provider_outage:
    'Nothing was sent: the provider fails for all accounts. Evergrant probes it with one account at a time, and refreshes all due accounts when the provider answers again.',
  throttled: 'Nothing was sent: the provider asked this OAuth app to wait.',
  organisation_throttled:
    'Nothing was sent: the provider asked accounts of this organisation to wait.',
  quota_exhausted:
    'Nothing was sent: this OAuth app has used its quota of the day. If the provider allows more, raise quota in providers.yaml.',
  rate_limited: 'Nothing was sent: more requests wait than this OAuth app may send per second.',
  first_answer_awaited: 'Nothing was sent yet: the provider has not answered the first requests.',
};

const HELD_SENTENCES: ReadonlyMap<string, string> = new Map(Object.entries(HELD));

const SKIPPED: Readonly<Record<string, string>> = {
  not_before:
    'Nothing was sent: the provider refreshes only shortly before the access token expires (notBefore in providers.yaml). A forced refresh is sent at once.',
  replay_held:
    'Nothing was sent: the answer to the last refresh was lost, and the provider may treat a second use of the refresh token as theft. Evergrant sends the token again shortly before the access token expires. A forced refresh is sent at once.',
  does_not_expire: 'Nothing was sent: the access token does not expire, so it needs no refresh.',
  no_candidate: 'Nothing was sent: the account has no new grant to try.',
  no_refresh_token:
    'Nothing was sent: the access token does not expire and has no refresh token, so it cannot be refreshed. Validate the account to check whether the token works.',
};

/** Describes the outcome for people, or returns `null` if the reason says everything. */
export function outcomeSentence({
  failure,
  reason,
}: Pick<AttemptOutcome, 'failure' | 'reason'>): string | null {
  const held = heldSentence(reason);
  if (held !== null) return failure === null ? held : `${held} ${failure.message}`;
  return failure?.message ?? SKIPPED[reason] ?? null;
}

/** Explains why the limiter held the request back, or returns `null` if `reason` is no such reason. */
export function heldSentence(reason: string): string | null {
  return HELD_SENTENCES.get(reason) ?? null;
}

/** Results not stored because MongoDB was unreachable. The workflow retries storing them, for days if needed. */
export interface Unwritten {
  /** A received grant. It is encrypted, so it may wait in Temporal's history. */
  grant: SealedGrant | null;
  generation: number;
  entry: LogEntry;
}

export interface RefreshGrantResult {
  attempt: AttemptOutcome;
  /** Input of the workflow's decision on the next step. */
  accessTokenExpiresAt: string | null;
  /** `null`: unknown. */
  refreshTokenExpiresAt: string | null;
  /** Absent: the account does not exist. */
  obtainedAt?: string;
  sentAt: string | null;
  replayRule: ReplayRule | null;
  /** An orphaned grant replaced the refused one, so the workflow retries at once. */
  orphanAdopted: boolean;
  /** The generation that a new refresh token started. `null`: the refresh token is unchanged. */
  rotatedTo: number | null;
  unwritten: Unwritten | null;
  /** Outcome for the candidate. Absent: this attempt used the current grant. */
  candidate?: CandidateResult;
  /** The span within which retries are traced, as in the request. Absent: the attempt was not traced. */
  trace?: string;
  /** The OAuth app limiter that this attempt opened, closed or has reason to suspect. Absent: none. */
  limiter?: CircuitChange;
}

export interface CandidateResult {
  outcome: 'refused' | 'waits';
  /** ISO time until which the workflow itself retries the candidate. */
  retriedUntil: string;
}

export interface CircuitChange {
  provider: string;
  environment: string;
  /** `suspected`: accounts of other organisations must probe the app. */
  state: 'circuit_closed' | 'circuit_opened' | 'suspected';
}
