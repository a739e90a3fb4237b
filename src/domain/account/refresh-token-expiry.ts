/** Decides whether a refresh moves the refresh token's expiry, and when the owner is warned of it. */
import type { ReplayRule } from '../refresh/replay';
import type { Account } from './account';
import { lifeMs, type SealedGrant } from './grant';

export interface RefreshTokenRule {
  /** Lifetime of a new refresh token. `null`: unknown. */
  refreshTokenLifeSeconds: number | null;
  /** How long a consent lives, whatever the refreshes. Absent: unknown, or without a limit. */
  consentLifeSeconds?: number;
  replayRule: ReplayRule;
}

/** Two refreshes closer than this, in ms, are too close to compare their expiries, and count as renewing. */
const COMPARABLE_AFTER_MS = 10_000;
/** A renewed expiry moves by at least this part of the time between two refreshes. An absolute expiry does not move. */
const MOVED_PART = 0.5;

/**
 * Whether a refresh gives the refresh token a later expiry, judged by the last refresh, or before the first one by the
 * provider's rule. If unsure, returns `true`: a wrong `true` costs a few requests, a wrong `false` costs the account.
 */
export function isRenewing(
  { current, previous }: Pick<Account, 'current' | 'previous'>,
  rule: RefreshTokenRule,
): boolean {
  if (current.attemptId === null || previous === null)
    // A refresh token with the lifetime of the consent does not outlive it.
    return (
      rule.replayRule.kind !== 'safe' ||
      (rule.refreshTokenLifeSeconds !== null &&
        rule.refreshTokenLifeSeconds !== rule.consentLifeSeconds)
    );
  return isRenewed(previous, current);
}

/** Whether the refresh token of `after` expires later than that of `before`, beyond rounding. */
export function isRenewed(before: SealedGrant, after: SealedGrant): boolean {
  if (after.refreshTokenExpiresAt === null)
    return after.refreshTokenFingerprint !== before.refreshTokenFingerprint;
  // Without an earlier expiry there is nothing to compare. Even an unchanged token may have a sliding expiry.
  if (before.refreshTokenExpiresAt === null) return true;
  // Equal to the millisecond: no response stated another expiry, or the server states the fixed end of a session.
  if (after.refreshTokenExpiresAt === before.refreshTokenExpiresAt) return false;
  const passedMs = Date.parse(after.obtainedAt) - Date.parse(before.obtainedAt);
  if (passedMs < COMPARABLE_AFTER_MS) return true;
  const movedMs =
    Date.parse(after.refreshTokenExpiresAt) - Date.parse(before.refreshTokenExpiresAt);
  return movedMs >= passedMs * MOVED_PART;
}

/** Total lifetime of the refresh token, in ms. For a token entered by a person, at least the configured lifetime. */
export function refreshTokenLifeMs(
  current: SealedGrant & { refreshTokenExpiresAt: string },
  { refreshTokenLifeSeconds }: RefreshTokenRule,
): number {
  const seenMs = lifeMs(current, current.refreshTokenExpiresAt);
  return current.attemptId === null
    ? Math.max(seenMs, (refreshTokenLifeSeconds ?? 0) * 1000)
    : seenMs;
}

/** Days before the expiry at which a warning is due, longest first. */
const WARNING_DAYS = [30, 14, 7, 1] as const;
const DAY_MS = 24 * 3600_000;
/** How long, in ms, a refresh must be overdue before the owner is warned about a token that it would have renewed. */
const OVERDUE_MS = 3600_000;

/** When a refresh renews the token, and the token's total lifetime. */
export interface Renewal {
  dueAt: Date;
  lifeMs: number;
}

export interface WarningClock {
  expiresAt: string | null;
  /** Days before the expiry of the last warning. `null`: none was sent. */
  warnedDays: number | null;
  /** `null`: no refresh moves the expiry, so the owner must act. */
  renewal: Renewal | null;
}

/** Returns when the next warning is due, or `null` if none is. */
export function refreshTokenWarningAt(clock: WarningClock): Date | null {
  const [next] = warningsOf(clock);
  return next?.at ?? null;
}

/**
 * Returns the warning that is due now, or the latest one if several are.
 * @returns days before the expiry; `null` if none is due
 */
export function dueWarningDays(clock: WarningClock, now: Date): number | null {
  return warningsOf(clock).findLast(({ at }) => at <= now)?.days ?? null;
}

/**
 * Remaining warnings, earliest first. A token that a refresh renews causes a warning only after that refresh is
 * overdue, and never in the first half of its lifetime.
 */
function warningsOf({
  expiresAt,
  warnedDays,
  renewal,
}: WarningClock): { days: number; at: Date }[] {
  if (expiresAt === null) return [];
  const end = Date.parse(expiresAt);
  return WARNING_DAYS.filter((days) => warnedDays === null || days < warnedDays).flatMap((days) => {
    const at = end - days * DAY_MS;
    if (renewal === null) return [{ days, at: new Date(at) }];
    const overdueAt = renewal.dueAt.getTime() + OVERDUE_MS;
    if (days * DAY_MS > renewal.lifeMs / 2 || overdueAt >= end) return [];
    return [{ days, at: new Date(Math.max(at, overdueAt)) }];
  });
}
