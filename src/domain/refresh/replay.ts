/**
 * Rules after a request without an answer. The provider may have used the refresh token: its replay rule says whether
 * the token may be sent again, and the workflow decides when.
 */
import { lifeMs, type SealedGrant } from '../account/grant';
import { momentText } from '../text/time-text';
import { type RefreshFailure, refreshFailure } from './refresh-failure';

/** How the provider reacts when a refresh token is presented a second time. */
export type ReplayRule =
  /** Refresh tokens are not rotated, so presenting one again is normal. */
  | { kind: 'safe' }
  /** The provider returns the same new token for this long after the first use. */
  | { kind: 'within'; seconds: number }
  /** The old refresh token works until the new one is used. */
  | { kind: 'until_successor_used' }
  /** The provider treats reuse as theft and revokes all tokens of the grant, including the live access token. */
  | { kind: 'never' };

/** The times of a grant that pauses depend on. */
export type GrantLife = Pick<SealedGrant, 'expiresAt' | 'refreshTokenExpiresAt' | 'obtainedAt'>;

const REPLAY_PAUSE_MS = 1_000;
/** The last request is sent this many ms before an expiry, or this part of the token's lifetime if that is shorter. */
const BEFORE_EXPIRY_MS = 60_000;
const BEFORE_EXPIRY_PART = 0.1;

/** Returns the last time at which a request still leaves well before a token expires. */
function lastMomentAt(expiresAt: string, grant: Pick<SealedGrant, 'obtainedAt'>): Date {
  const beforeMs = Math.min(BEFORE_EXPIRY_MS, lifeMs(grant, expiresAt) * BEFORE_EXPIRY_PART);
  return new Date(Date.parse(expiresAt) - beforeMs);
}

/**
 * Returns the pause, in ms, before the refresh token is sent again. With `never` the pause lasts until the access
 * token, which a replay could revoke, is about to expire. No rule waits beyond the refresh token's expiry.
 * @param sentAt when the first request without an answer was sent
 * @param pauseMs the minimum pause
 */
export function pauseBeforeReplayMs(
  rule: ReplayRule,
  sentAt: Date,
  grant: GrantLife,
  now: Date,
  pauseMs = 0,
): number {
  return pauseWithinLifeMs(pauseByRuleMs(rule, sentAt, grant, now, pauseMs), grant, now);
}

/**
 * Returns how long, in ms, no sweep, batch or token request may send a refresh token whose last request has no answer.
 * They do not know of the workflow that waits for the replay.
 */
export function replayHoldMs(
  rule: ReplayRule,
  unanswered: UnansweredSend | null,
  grant: GrantLife & Pick<SealedGrant, 'refreshTokenFingerprint'>,
  now: Date,
): number {
  if (unanswered === null || rule.kind === 'safe' || rule.kind === 'until_successor_used') return 0;
  if (unanswered.refreshTokenFingerprint !== grant.refreshTokenFingerprint) return 0;
  return pauseBeforeReplayMs(rule, unanswered.sentAt, grant, now);
}

function pauseByRuleMs(
  rule: ReplayRule,
  sentAt: Date,
  grant: GrantLife,
  now: Date,
  pauseMs: number,
): number {
  switch (rule.kind) {
    case 'safe':
    case 'until_successor_used':
      return Math.max(REPLAY_PAUSE_MS, pauseMs);
    case 'within': {
      const leftMs = sentAt.getTime() + rule.seconds * 1000 - now.getTime();
      // After this time a replay counts as reuse, so the live access token is protected as with `never`.
      return leftMs > pauseMs ? pauseMs : nearExpiryMs(grant, now, pauseMs);
    }
    case 'never':
      return nearExpiryMs(grant, now, pauseMs);
  }
}

function nearExpiryMs(grant: GrantLife, now: Date, pauseMs: number): number {
  if (grant.expiresAt === null) return pauseMs;
  return Math.max(pauseMs, lastMomentAt(grant.expiresAt, grant).getTime() - now.getTime());
}

/** Shortens the pause so that a request is sent before the refresh token expires, unless it is too late for that. */
export function pauseWithinLifeMs(pauseMs: number, grant: GrantLife, now: Date): number {
  if (grant.refreshTokenExpiresAt === null) return pauseMs;
  const lastMs = lastMomentAt(grant.refreshTokenExpiresAt, grant).getTime() - now.getTime();
  return lastMs > 0 ? Math.min(pauseMs, lastMs) : pauseMs;
}

/** Longest pause, in ms, that a workflow waits after a `too_early` refusal. Sweeps handle longer pauses. */
export const TOO_EARLY_WAIT_MAX_MS = 15 * 60_000;
const TOO_EARLY_PAUSE_MIN_MS = 1_000;

/**
 * Returns the pause, in ms, after a provider refused to refresh while the access token lives: until shortly before its
 * expiry, then half of the remaining time, which meets the provider's window without knowing its length.
 * @returns `null` if the access token has expired
 */
export function tooEarlyPauseMs(grant: GrantLife, now: Date): number | null {
  if (grant.expiresAt === null) return null;
  const leftMs = Date.parse(grant.expiresAt) - now.getTime();
  if (leftMs <= 0) return null;
  const lastMs = lastMomentAt(grant.expiresAt, grant).getTime() - now.getTime();
  const pauseMs = lastMs > 0 ? lastMs : leftMs / 2;
  return pauseWithinLifeMs(Math.max(TOO_EARLY_PAUSE_MIN_MS, Math.ceil(pauseMs)), grant, now);
}

/** Why a request that was sent has no answer. */
export const UNANSWERED_CAUSES = ['worker_stopped', 'network', 'provider_error'] as const;
export type UnansweredCause = (typeof UNANSWERED_CAUSES)[number];

/** A request whose answer was lost. Kept with the account until a refresh succeeds or a new grant is entered. */
export interface UnansweredSend {
  attemptId: string;
  sentAt: Date;
  refreshTokenFingerprint: string;
  cause: UnansweredCause;
}

/** The lost answer that explains a later refusal. */
export type LostAnswer = Omit<UnansweredSend, 'attemptId'>;

/** Derives the cause of a missing answer from the recorded failure. */
export function unansweredCause({ code }: Pick<RefreshFailure, 'code'>): UnansweredCause {
  if (code === 'worker_lost') return 'worker_stopped';
  return code === 'answer_lost' ? 'network' : 'provider_error';
}

const LOST: Record<UnansweredCause, string> = {
  worker_stopped: 'The worker stopped before it stored the answer to the refresh at',
  network: 'The network lost the answer to the refresh at',
  provider_error: 'The provider sent no usable answer to the refresh at',
};

/**
 * Explains a refused grant by an earlier request without an answer. If both used the same refresh token, the lost
 * answer most likely contained the new one.
 * @returns the unchanged failure if it is not related to such a request
 */
export function withLostAnswer(
  failure: RefreshFailure | null,
  unanswered: LostAnswer | null,
  refreshTokenFingerprint: string,
): RefreshFailure | null {
  if (failure?.code !== 'invalid_grant') return failure;
  if (unanswered?.refreshTokenFingerprint !== refreshTokenFingerprint) return failure;
  const { message, ...replayed } = { ...failure, ...refreshFailure('replay_refused') };
  return {
    ...replayed,
    message: `${LOST[unanswered.cause]} ${momentText(unanswered.sentAt)}. ${message}`,
  };
}
