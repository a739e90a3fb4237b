/**
 * Decides what follows an attempt to refresh one account: a retry after a pause, or the end. The policies run in order
 * and the first one that decides wins. Pure: time is an input, and the workflow does the waiting.
 */
import { retryPauseMs } from '../account/due-times';
import { type HoldReason, LONG_HOLDS } from '../limits/app-limiter';
import type {
  AttemptOutcome,
  CandidateResult,
  RefreshGrantResult,
  RefreshRequest,
} from './refresh-attempt';
import {
  type GrantLife,
  pauseBeforeReplayMs,
  pauseWithinLifeMs,
  TOO_EARLY_WAIT_MAX_MS,
  tooEarlyPauseMs,
} from './replay';
import { LIMITER_WAIT_MAX_MS } from './sweep';

/** The history of one workflow with one grant. */
export interface Tried {
  failures: number;
  /** The single replay after an unknown outcome was made. */
  replayed: boolean;
  /** ISO time of the first request without an answer. The provider may have used the refresh token since then. */
  unansweredSince: string | null;
}

export type NextStep =
  | { retrying: false }
  | {
      retrying: true;
      pauseMs: number;
      /** A new request ends the pause. */
      interruptible: boolean;
      /** The account keeps its slot in the sweep during the pause. */
      holdsSlot: boolean;
      /** The retry presents the refresh token of an unanswered request again. */
      isReplay: boolean;
    };

interface Situation {
  result: RefreshGrantResult;
  /** Includes the latest attempt. */
  tried: Tried;
  request: Pick<RefreshRequest, 'source' | 'probe'>;
  now: Date;
}

interface CandidateSituation extends Omit<Situation, 'request'> {
  candidate: CandidateResult;
}

/** A policy returns `null` if it does not apply. */
type Policy<S> = (situation: S) => NextStep | null;

const POLICIES: readonly Policy<Situation>[] = [
  retryAdoptedGrant,
  waitUntilNotTooEarly,
  waitForReplay,
  waitForLimiter,
  endUnlessFailed,
  endOnRefusal,
  retryCloserToExpiry,
  retryWhenRateAllows,
  replayOnce,
  retryWhileTokenLives,
];

/** A candidate is not served, so its replay endangers no live token and need not wait for one to expire. */
const CANDIDATE_POLICIES: readonly Policy<CandidateSituation>[] = [
  endOnRefusedCandidate,
  replayCandidateOnce,
  retryCandidateUntil,
];

/** Minimum wait, in ms, for the OAuth app limiter. After a shorter wait its state would be unchanged. */
const HELD_PAUSE_MIN_MS = 1_000;
/** The limiter holds back only one organisation, so the sweep's slot goes to the others. */
const OF_ORGANISATION: HoldReason = 'organisation_throttled';
const BEGINNING_OF_TIME = new Date(0).toISOString();

const END: NextStep = { retrying: false };

export function nothingTried(): Tried {
  return { failures: 0, replayed: false, unansweredSince: null };
}

export function withAttempt(tried: Tried, { attempt, sentAt }: RefreshGrantResult): Tried {
  return {
    ...tried,
    failures: tried.failures + (attempt.outcome === 'failed' ? 1 : 0),
    unansweredSince: tried.unansweredSince ?? (attempt.exchange === 'unknown' ? sentAt : null),
  };
}

/** Decides what follows an attempt with the account's current grant. */
export function decideNext(situation: Situation): NextStep {
  return firstAnswer(POLICIES, situation);
}

export function decideNextOfCandidate(situation: CandidateSituation): NextStep {
  return firstAnswer(CANDIDATE_POLICIES, situation);
}

/** Whether the OAuth app limiter is open (credentials or outage), which takes too long to wait for. */
export function isCircuitOpen({ reason }: Pick<AttemptOutcome, 'reason'>): boolean {
  return LONG_HOLDS.has(reason);
}

/** Returns the pause, in ms, before the next request to the OAuth app limiter. */
export function heldPauseMs(heldForMs: number): number {
  return Math.max(heldForMs, HELD_PAUSE_MIN_MS);
}

/**
 * Extends the pause if the refresh token may be used and the provider would not accept a replay yet. The pause ends
 * before the refresh token expires, unless the provider itself asked to wait.
 */
function allowedPauseMs(
  { result, tried, now }: Pick<Situation, 'result' | 'tried' | 'now'>,
  pauseMs: number,
): number {
  const { replayRule, attempt } = result;
  const grant = grantLife(result);
  const allowedMs =
    replayRule === null || tried.unansweredSince === null
      ? pauseWithinLifeMs(pauseMs, grant, now)
      : pauseBeforeReplayMs(replayRule, new Date(tried.unansweredSince), grant, now, pauseMs);
  const mustWait = attempt.heldForMs !== undefined || attempt.failure?.class === 'rate';
  return mustWait ? Math.max(allowedMs, pauseMs) : allowedMs;
}

/** An orphaned grant replaced the refused one. */
function retryAdoptedGrant({ result }: Situation): NextStep | null {
  return result.orphanAdopted ? retryAfter(0) : null;
}

/** Callers receive the live token during the pause. A sweep starts early so that it does not miss this time. */
function waitUntilNotTooEarly({ result, tried, request }: Situation): NextStep | null {
  const { tooEarlyForMs } = result.attempt;
  if (tooEarlyForMs === undefined) return null;
  return isOfSweep(request) || tried.unansweredSince !== null
    ? retryAfter(tooEarlyForMs, { interruptible: true })
    : END;
}

/** A refresh that waits for an allowed replay also waits for the limiter, because sweeps do not know of the replay. */
function waitForReplay(situation: Situation): NextStep | null {
  const { heldForMs } = situation.result.attempt;
  if (heldForMs === undefined || situation.tried.unansweredSince === null) return null;
  if (situation.now >= accessTokenExpiresAt(situation)) return null;
  return retryAfter(allowedPauseMs(situation, heldPauseMs(heldForMs)));
}

/** A sweep's refresh waits only for a limiter that soon permits it. Otherwise the next sweep refreshes the account. */
function waitForLimiter({ result: { attempt }, request }: Situation): NextStep | null {
  if (attempt.heldForMs === undefined) return null;
  const pauseMs = heldPauseMs(attempt.heldForMs);
  if (!isOfSweep(request) || isCircuitOpen(attempt) || pauseMs > LIMITER_WAIT_MAX_MS) return END;
  return retryAfter(pauseMs, {
    interruptible: true,
    holdsSlot: attempt.reason !== OF_ORGANISATION,
  });
}

function endUnlessFailed({ result: { attempt } }: Situation): NextStep | null {
  return attempt.outcome === 'failed' && attempt.failure !== null ? null : END;
}

/** The provider refused the grant or the OAuth app, or the fault is Evergrant's own: a retry would fail again. */
function endOnRefusal({ result: { attempt } }: Situation): NextStep | null {
  switch (attempt.failure?.class) {
    case 'account':
    case 'app':
    case 'ours':
      return END;
    case 'rate':
    case 'provider':
    case undefined:
      return null;
  }
}

/** The provider refreshes only shortly before the access token expires. */
function retryCloserToExpiry({ result, now }: Situation): NextStep | null {
  if (result.attempt.failure?.code !== 'too_early') return null;
  const pauseMs = tooEarlyPauseMs(grantLife(result), now);
  return pauseMs !== null && pauseMs <= TOO_EARLY_WAIT_MAX_MS
    ? retryAfter(pauseMs, { interruptible: true })
    : END;
}

/** The provider asked to wait, so a new request must not end the pause. */
function retryWhenRateAllows(situation: Situation): NextStep | null {
  const { failure } = situation.result.attempt;
  if (failure?.class !== 'rate') return null;
  const pauseMs = Math.max(failure.retryAfterMs ?? 0, retryPauseMs(situation.tried.failures));
  return beforeExpiry(situation, { pauseMs, interruptible: false });
}

/** An unknown outcome is followed by one replay, even after the access token has expired. */
function replayOnce(situation: Situation): NextStep | null {
  return isFirstUnknown(situation)
    ? retryAfter(allowedPauseMs(situation, 0), { isReplay: true })
    : null;
}

function retryWhileTokenLives(situation: Situation): NextStep {
  const { result, tried } = situation;
  const isReplay = result.attempt.exchange === 'unknown';
  return beforeExpiry(situation, {
    pauseMs: retryPauseMs(tried.failures),
    interruptible: true,
    isReplay,
  });
}

function endOnRefusedCandidate({ candidate }: CandidateSituation): NextStep | null {
  return candidate.outcome === 'refused' ? END : null;
}

function replayCandidateOnce(situation: CandidateSituation): NextStep | null {
  return isFirstUnknown(situation)
    ? retryAfter(allowedPauseMs(asUnserved(situation), 0), { isReplay: true })
    : null;
}

function retryCandidateUntil(situation: CandidateSituation): NextStep {
  const { result, tried, candidate, now } = situation;
  const { heldForMs, failure } = result.attempt;
  const waitMs = heldForMs ?? failure?.retryAfterMs ?? 0;
  const pauseMs = allowedPauseMs(
    asUnserved(situation),
    Math.max(waitMs, retryPauseMs(tried.failures)),
  );
  return now.getTime() + pauseMs < Date.parse(candidate.retriedUntil)
    ? retryAfter(pauseMs, { interruptible: true })
    : END;
}

function firstAnswer<S>(policies: readonly Policy<S>[], situation: S): NextStep {
  for (const policy of policies) {
    const step = policy(situation);
    if (step !== null) return step;
  }
  return END;
}

function retryAfter(
  pauseMs: number,
  { interruptible = false, holdsSlot = false, isReplay = false } = {},
): NextStep {
  return { retrying: true, pauseMs, interruptible, holdsSlot, isReplay };
}

/** Retries if the pause ends before the access token expires. Such a pause is interruptible only if unchanged. */
function beforeExpiry(
  situation: Situation,
  {
    pauseMs,
    interruptible,
    isReplay = false,
  }: { pauseMs: number; interruptible: boolean; isReplay?: boolean },
): NextStep {
  const allowedMs = allowedPauseMs(situation, pauseMs);
  return situation.now.getTime() + allowedMs < accessTokenExpiresAt(situation).getTime()
    ? retryAfter(allowedMs, { interruptible: interruptible && allowedMs === pauseMs, isReplay })
    : END;
}

function isFirstUnknown({ result, tried }: Pick<Situation, 'result' | 'tried'>): boolean {
  return result.attempt.exchange === 'unknown' && !tried.replayed && result.replayRule !== null;
}

/** A probe does not belong to a sweep. It must report at once whether the OAuth app works. */
function isOfSweep({ source, probe = false }: Situation['request']): boolean {
  return source === 'scheduled' && !probe;
}

function accessTokenExpiresAt({ result }: Pick<Situation, 'result'>): Date {
  return new Date(result.accessTokenExpiresAt ?? 0);
}

/** Treats the grant as one with an expired access token and a refresh token that does not expire. */
function asUnserved(situation: CandidateSituation): CandidateSituation {
  const { result, now } = situation;
  const accessToken = { accessTokenExpiresAt: now.toISOString(), refreshTokenExpiresAt: null };
  return { ...situation, result: { ...result, ...accessToken } };
}

function grantLife({
  accessTokenExpiresAt: expiresAt,
  refreshTokenExpiresAt,
  obtainedAt,
}: RefreshGrantResult): GrantLife {
  return {
    expiresAt: expiresAt ?? BEGINNING_OF_TIME,
    refreshTokenExpiresAt,
    obtainedAt: obtainedAt ?? BEGINNING_OF_TIME,
  };
}
