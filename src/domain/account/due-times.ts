/** Decides when an account is due, and when a failed refresh is retried. Pure functions. */
import { type Account, AccountState } from './account';
import { lifeMs } from './grant';
import { holdsCredentials } from './grant-type';
import { type AccountDueTimes, DEFAULT_POLICY, type RefreshPolicy } from './policy';
import { candidateDueAt, candidateToTry } from './reconnect';
import {
  isRenewing,
  type RefreshTokenRule,
  type Renewal,
  refreshTokenLifeMs,
  refreshTokenWarningAt,
} from './refresh-token-expiry';

/** The parts of a provider's configuration that decide when its accounts are due. */
export interface RefreshRule extends RefreshTokenRule {
  policy: RefreshPolicy;
  /** Typical lifetime of the provider's access tokens, used if the lifetime of a token is unknown. */
  accessTokenLifeSeconds: number;
}

export type RefreshRules = (providerId: string) => RefreshRule;

type DueReason =
  | 'candidate_waits'
  | 'access_token_expires'
  | 'refresh_token_expires'
  | 'refreshed_long_ago'
  | 'not_before'
  | 'fresh'
  | 'quarantined'
  | 'does_not_expire'
  | 'not_asked_for'
  | 'backing_off'
  | 'not_enabled'
  | 'needs_reconnect'
  | 'inactive'
  | 'disabled'
  | 'disconnected';

export interface DueDecision {
  due: boolean;
  reason: DueReason;
}

export type WithDueTimes = Pick<
  Account,
  | 'id'
  | 'current'
  | 'previous'
  | 'lastRefreshedAt'
  | 'nextAttemptAt'
  | 'policy'
  | 'refreshTokenWarnedDays'
  | 'validatedAt'
> &
  Partial<Pick<Account, 'candidate' | 'grantType' | 'askedAt'>>;

export function accountDueTimes(account: WithDueTimes, rule: RefreshRule): AccountDueTimes {
  const policy = policyOf(account, rule);
  const { current, nextAttemptAt } = account;
  const moments = dueMoments(account, rule);
  const ahead = isRefreshedAhead(account, rule);
  const ownAt = ahead ? firstDueAt(moments) : null;
  const candidateAt = candidateDueAt(account.candidate ?? null);
  const dueAt = Math.min(
    ownAt === null ? Infinity : Math.max(ownAt.getTime(), Number(nextAttemptAt)),
    candidateAt?.getTime() ?? Infinity,
  );
  return {
    dueAt: policy.enabled && dueAt !== Infinity ? new Date(dueAt) : null,
    expiringSoonAt: ahead ? expiringSoonAt(account, rule, moments) : null,
    firstExpiryAt:
      earliest(
        dateOf(current.expiresAt),
        moments.byRefreshToken && dateOf(current.refreshTokenExpiresAt),
      ) ?? candidateAt,
    refreshTokenWarningAt: refreshTokenWarningAt({
      expiresAt: current.refreshTokenExpiresAt,
      warnedDays: account.refreshTokenWarnedDays,
      renewal: renewalOf(account, rule),
    }),
    validationDueAt: validationDueAt(account, policy),
  };
}

/**
 * An account with credentials is refreshed ahead only while callers ask for its token: one asked within the lifetime of
 * an access token before the account is due, or before the next attempt after a failure. Otherwise the next caller gets
 * a new token, which costs one request.
 */
function isRefreshedAhead(account: WithDueTimes, rule: RefreshRule): boolean {
  if (!holdsCredentials(account.grantType)) return true;
  const { askedAt = null, nextAttemptAt } = account;
  const dueAt = firstDueAt(dueMoments(account, rule));
  if (askedAt === null || dueAt === null) return false;
  const attemptAtMs = Math.max(dueAt.getTime(), Number(nextAttemptAt));
  return askedAt.getTime() + accessTokenLifeMs(account, rule) >= attemptAtMs;
}

/** The interval starts at the last validation, so refreshes in between do not delay the next one. */
function validationDueAt(
  { validatedAt }: WithDueTimes,
  { enabled, validateEveryMs }: RefreshPolicy,
): Date | null {
  if (!enabled || validateEveryMs === null) return null;
  return new Date(validatedAt === null ? 0 : validatedAt.getTime() + validateEveryMs);
}

/** An expired refresh token counts even if no refresh renews it: the account works only as long as its access token. */
function expiringSoonAt(
  account: WithDueTimes,
  rule: RefreshRule,
  { byRefreshToken }: DueMoments,
): Date | null {
  const { current } = account;
  const { notBeforeMs } = policyOf(account, rule);
  const marginOfAccessMs = marginMs(account, rule, accessTokenLifeMs(account, rule));
  const marginOfRefreshMs =
    byRefreshToken === null ? 0 : marginMs(account, rule, lifeOfRefreshTokenMs(account, rule));
  return earliest(
    before(current.expiresAt, Math.min(marginOfAccessMs, notBeforeMs ?? Infinity)),
    before(current.refreshTokenExpiresAt, marginOfRefreshMs),
  );
}

/** Describes how a refresh renews the refresh token, or `null` if no refresh does, or if the expiry is unknown. */
export function renewalOf(account: WithDueTimes, rule: RefreshRule): Renewal | null {
  const dueAt = firstDueAt(dueMoments(account, rule));
  if (dueAt === null || !isRenewing(account, rule)) return null;
  return { dueAt, lifeMs: lifeOfRefreshTokenMs(account, rule) };
}

/** Times at which an account becomes due. `null`: the condition does not apply. */
export interface DueMoments {
  byExpiry: Date | null;
  /** Set only while refreshes renew the refresh token. */
  byRefreshToken: Date | null;
  byAge: Date | null;
  /** No request is sent before this time. `null`: no restriction. */
  notBefore: Date | null;
  /** Sweeps start the account's workflow from this time on; the workflow then waits until `notBefore`. */
  listedFrom: Date | null;
}

export function dueMoments(account: WithDueTimes, rule: RefreshRule): DueMoments {
  const policy = policyOf(account, rule);
  const byRefreshToken = refreshTokenDueAt(account, rule);
  const notBefore =
    policy.notBeforeMs === null
      ? null
      : // A refresh token about to expire takes precedence over a rule about access tokens.
        earliest(before(account.current.expiresAt, policy.notBeforeMs), byRefreshToken);
  return {
    byExpiry: expiryDueAt(account, rule),
    byRefreshToken,
    byAge: ageDueAt(account, policy),
    notBefore,
    // Without this lead, a window shorter than the sweep interval could fall between two sweeps.
    listedFrom: notBefore && new Date(notBefore.getTime() - policy.sweepEveryMs),
  };
}

/** @returns `null` if the access token does not expire, so that no refresh is needed */
function firstDueAt({ byExpiry, byRefreshToken, byAge, listedFrom }: DueMoments): Date | null {
  if (byExpiry === null) return null;
  const clock = Math.min(byExpiry.getTime(), byAge?.getTime() ?? Infinity);
  return new Date(
    Math.min(Math.max(clock, Number(listedFrom)), byRefreshToken?.getTime() ?? Infinity),
  );
}

/** Decides whether a sweep refreshes the account now, and why. The store's due list must agree with this. */
export function dueDecision(
  account: WithDueTimes & Pick<Account, 'state' | 'quarantine'>,
  rule: RefreshRule,
  now: Date,
): DueDecision {
  if (account.state !== AccountState.active) return { due: false, reason: account.state };
  if (account.quarantine) return { due: false, reason: 'quarantined' };
  if (!policyOf(account, rule).enabled) return { due: false, reason: 'not_enabled' };
  if (candidateToTry(account, now, false) !== null) return { due: true, reason: 'candidate_waits' };
  if (account.current.expiresAt === null) return { due: false, reason: 'does_not_expire' };
  if (!isRefreshedAhead(account, rule)) return { due: false, reason: 'not_asked_for' };
  if (account.nextAttemptAt !== null && account.nextAttemptAt > now)
    return { due: false, reason: 'backing_off' };
  const { byExpiry, byRefreshToken, byAge, listedFrom } = dueMoments(account, rule);
  const isReached = (at: Date | null) => at !== null && at <= now;
  const isListed = listedFrom === null || listedFrom <= now;
  if (isReached(byExpiry) && isListed) return { due: true, reason: 'access_token_expires' };
  if (isReached(byRefreshToken)) return { due: true, reason: 'refresh_token_expires' };
  if (!isReached(byAge) && !isReached(byExpiry)) return { due: false, reason: 'fresh' };
  return isListed
    ? { due: true, reason: 'refreshed_long_ago' }
    : { due: false, reason: 'not_before' };
}

/** Returns the effective policy: the account's settings, then the provider's. */
export function policyOf(
  { policy }: Pick<Account, 'policy'>,
  { policy: ofProvider }: RefreshRule,
): RefreshPolicy {
  return {
    ...ofProvider,
    ...policy,
    enabled: ofProvider.enabled && (policy?.enabled ?? true),
  };
}

/** Expected interval, in ms, between successful refreshes: the shorter of the token lifetimes and the maximum age. */
export function refreshEveryMs({
  policy,
  accessTokenLifeSeconds,
  refreshTokenLifeSeconds,
}: RefreshRule): number {
  const { refreshBeforeMs, refreshAfterAgeMs, notBeforeMs } = policy;
  const dueAfterMs = (seconds: number) =>
    seconds * 1000 - Math.min(refreshBeforeMs, seconds * 1000 * MARGIN_OF_LIFE);
  const clock = Math.min(dueAfterMs(accessTokenLifeSeconds), refreshAfterAgeMs ?? Infinity);
  const earliestMs = notBeforeMs === null ? 0 : accessTokenLifeSeconds * 1000 - notBeforeMs;
  return Math.min(
    Math.max(clock, earliestMs),
    refreshTokenLifeSeconds === null ? Infinity : dueAfterMs(refreshTokenLifeSeconds),
  );
}

/** Largest refresh margin, as a fraction of a token's lifetime. Without it, every sweep would refresh a 5-minute token. */
const MARGIN_OF_LIFE = 0.5;

/** Largest jitter, as a fraction of the token's lifetime. */
const JITTER_OF_LIFE = 0.1;

function marginMs(account: WithDueTimes, rule: RefreshRule, wholeLifeMs: number): number {
  return Math.min(policyOf(account, rule).refreshBeforeMs, wholeLifeMs * MARGIN_OF_LIFE);
}

/** A token entered by a person may be partly used up, so the provider's configured lifetime is the minimum. */
function accessTokenLifeMs({ current }: WithDueTimes, rule: RefreshRule): number {
  if (current.expiresAt === null) return Infinity;
  const seen = lifeMs(current, current.expiresAt);
  return current.attemptId === null ? Math.max(seen, rule.accessTokenLifeSeconds * 1000) : seen;
}

function lifeOfRefreshTokenMs({ current }: WithDueTimes, rule: RefreshRule): number {
  const { refreshTokenExpiresAt } = current;
  if (refreshTokenExpiresAt === null) return Infinity;
  return refreshTokenLifeMs({ ...current, refreshTokenExpiresAt }, rule);
}

function expiryDueAt(account: WithDueTimes, rule: RefreshRule): Date | null {
  return dueBefore(account, rule, account.current.expiresAt, accessTokenLifeMs(account, rule));
}

/** @returns `null` if the expiry is unknown or no refresh moves it, because the next refresh would be due at once */
function refreshTokenDueAt(account: WithDueTimes, rule: RefreshRule): Date | null {
  const { refreshToken, refreshTokenExpiresAt } = account.current;
  if (refreshToken === null || !isRenewing(account, rule)) return null;
  return dueBefore(account, rule, refreshTokenExpiresAt, lifeOfRefreshTokenMs(account, rule));
}

/** Subtracts the refresh margin and the account's jitter from a token's expiry. */
function dueBefore(
  account: WithDueTimes,
  rule: RefreshRule,
  expiresAt: string | null,
  wholeLifeMs: number,
): Date | null {
  const { jitterMs } = policyOf(account, rule);
  const spreadMs = Math.min(shareOf(account) * jitterMs, wholeLifeMs * JITTER_OF_LIFE);
  return before(expiresAt, marginMs(account, rule, wholeLifeMs) + spreadMs);
}

function ageDueAt(account: WithDueTimes, policy: RefreshPolicy): Date | null {
  if (policy.refreshAfterAgeMs === null) return null;
  const spread = Math.min(shareOf(account) * policy.jitterMs, policy.refreshAfterAgeMs * 0.1);
  const since = account.lastRefreshedAt ?? new Date(account.current.obtainedAt);
  return new Date(since.getTime() + policy.refreshAfterAgeMs - spread);
}

function before(expiresAt: string | null, ms: number): Date | null {
  return expiresAt === null ? null : new Date(Date.parse(expiresAt) - ms);
}

function dateOf(moment: string | null): Date | null {
  return before(moment, 0);
}

function earliest(...moments: (Date | null)[]): Date | null {
  const known = moments.filter((at) => at !== null).map(Number);
  return known.length === 0 ? null : new Date(Math.min(...known));
}

/**
 * Deterministic jitter of an account, from 0 to 1, derived from its id. 0 for a grant entered by a person, so that it
 * is due exactly when the policy says.
 */
function shareOf({ id, current }: WithDueTimes): number {
  if (current.attemptId === null) return 0;
  // FNV-1a distributes ids well and needs no Node API, which workflow code cannot import.
  let hash = 0x811c9dc5;
  for (const character of id) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  // Without this mix, the last characters of an id would change only the lowest bits.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}

const { backOffFirstMs: FIRST_PAUSE_MS } = DEFAULT_POLICY;
const BACK_OFF_IN_WORKFLOW_MAX_MS = 5 * 60_000;

/** Pause, in ms, before attempt `failures + 1` within a workflow: 10 s, doubling, at most 5 min. */
export function retryPauseMs(failures: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** Math.max(0, failures - 1), BACK_OFF_IN_WORKFLOW_MAX_MS);
}

/** Pause, in ms, after an attempt was lost with its worker. There is none after the first loss. */
export function lostPauseMs(lost: number): number {
  return lost <= 1 ? 0 : retryPauseMs(lost - 1);
}

/** Time, in ms, for which sweeps skip an account after this many consecutive failures. */
export function sweepBackOffMs(
  failures: number,
  { backOffFirstMs, backOffMaxMs }: Pick<RefreshPolicy, 'backOffFirstMs' | 'backOffMaxMs'>,
): number {
  return Math.min(backOffFirstMs * 2 ** Math.min(Math.max(0, failures - 1), 20), backOffMaxMs);
}
