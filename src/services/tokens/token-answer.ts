/**
 * Decides which token a request receives: the account's own token, its fallback token, or none with a reason. Pure: the
 * caller reads all inputs before.
 */
import {
  type Account,
  AccountState,
  hasOnlyExpired,
  isOutOfService,
} from '../../domain/account/account';
import { type RefreshRule, retryPauseMs } from '../../domain/account/due-times';
import { type ProviderValues, remainingLifeMs } from '../../domain/account/grant';
import { useDecision } from '../../domain/account/token-use';
import { type AttemptOutcome, outcomeSentence } from '../../domain/refresh/refresh-attempt';
import type { RefreshFailureCode } from '../../domain/refresh/refresh-failure';
import type { TokenAccessSource } from '../../store/access/token-accesses';
import { IN_QUARANTINE } from '../accounts/refreshable-account';
import { describeError } from '../describe-error';

/** Minimum `Retry-After`, in seconds, of a response without a token: token requests do not retry a failed account sooner. */
const RETRY_AFTER_SECONDS = 10;

/** Why the token does not live as long as requested, or why there is none. */
interface Reason {
  code: string;
  message: string;
}

export interface ServedToken {
  active: true;
  accessToken: string;
  accessTokenFingerprint: string;
  /** `null`: the token does not expire, or it is a fallback token of unknown expiry. */
  expiresAt: string | null;
  scopes: string[];
  providerValues?: ProviderValues;
  source: TokenAccessSource;
  generation: number;
  at: Date;
  /** Set if the token expires earlier than requested. */
  notice: Reason | null;
}

interface NoToken {
  active: false;
  reason: Reason;
  /** `null`: a retry does not help until a person has acted. */
  retryAfterSeconds: number | null;
}

export type ValidToken = ServedToken | NoToken;

/** The result of the refresh that a token request started. */
export interface Renewal {
  outcome: AttemptOutcome | null;
  /** Thrown in place of an outcome: Temporal or a worker is unreachable, or the refresh takes too long. */
  error: Error | null;
}

export interface AnswerInput {
  account: Account;
  /** `null`: the account has no access token, or it cannot be decrypted. */
  accessToken: string | null;
  /** Where the account's own token comes from. */
  source: Exclude<TokenAccessSource, 'fallback'>;
  minValidSeconds: number;
  rule: RefreshRule;
  /** `null`: none was needed, or none may be made. */
  renewal: Renewal | null;
}

/** Inputs that only some answers need: see {@link usesFallback} and {@link attemptToExplain}. */
export interface Extras {
  /** `null`: the account has none, or it cannot be decrypted. */
  fallbackToken: string | null;
  /** From the log entry of the attempt that {@link attemptToExplain} names. */
  attemptFailure: Reason | null;
}

/** @throws the error of the renewal, if it is the only reason why no token can be served */
export function tokenAnswer(
  input: AnswerInput,
  { fallbackToken, attemptFailure }: Extras,
  now: Date,
): ValidToken {
  const { account, accessToken, source, renewal } = input;
  const shortfall = shortfallOf(input, now);
  const notice =
    shortfall === 'last_attempt'
      ? failureReason(attemptFailure ?? account.lastError ?? NO_TOKEN)
      : shortfall;
  if (accessToken !== null && servesOwn(input, now))
    return served(account, accessToken, { source, at: now, notice });
  if (fallbackToken !== null && usesFallback(input, now))
    return servedFallback(account, fallbackToken, now);
  if (account.state !== AccountState.active) return refused(account);
  if (renewal !== null && renewal.error !== null) throw renewal.error;
  const reason = notice ?? NO_TOKEN;
  const needsPerson =
    account.quarantine || account.current.refreshToken === null || reason === GRANT_UNREADABLE;
  return {
    active: false,
    reason,
    retryAfterSeconds: needsPerson ? null : retryAfterSeconds(account, renewal, now),
  };
}

/** Whether the answer needs the fallback token: the account has a living one, and its own cannot be served. */
export function usesFallback(input: AnswerInput, now: Date): boolean {
  const { fallback, state } = input.account;
  if (fallback === null || isOutOfService(state) || servesOwn(input, now)) return false;
  return fallback.expiresAt === null || Date.parse(fallback.expiresAt) > now.getTime();
}

/** The attempt whose log entry says why no better token is served; `null`: no entry is needed. */
export function attemptToExplain(input: AnswerInput, now: Date): string | null {
  if (shortfallOf(input, now) !== 'last_attempt') return null;
  return input.account.lastAttempt?.attemptId ?? null;
}

/**
 * Whether the account's own token is served. If the account needs a reconnect, it is served only if no consent was withdrawn:
 * after a restore, or if only the refresh token expired.
 */
function servesOwn({ account, accessToken }: AnswerInput, now: Date): boolean {
  return accessToken !== null && mayServeOwn(account) && remainingLifeMs(account.current, now) > 0;
}

function mayServeOwn(account: Account): boolean {
  if (isOutOfService(account.state)) return false;
  return account.state === AccountState.active || account.staleRestore || hasOnlyExpired(account);
}

/**
 * Why no token lives as long as requested; `null`: one does. `last_attempt`: the log entry of the last
 * attempt has the reason.
 */
function shortfallOf(input: AnswerInput, now: Date): Reason | 'last_attempt' | null {
  const { account, minValidSeconds, rule, renewal } = input;
  const isServed = servesOwn(input, now);
  if (isServed && remainingLifeMs(account.current, now) >= minValidSeconds * 1000) return null;
  if (account.quarantine) return { code: 'quarantined', message: IN_QUARANTINE };
  if (account.state !== AccountState.active) return reasonOf(account);
  if (renewal !== null && renewal.error !== null) {
    const { code, message } = describeError(renewal.error);
    return { code, message };
  }
  if (account.current.refreshToken === null) return UNREADABLE;
  const outcome = renewal?.outcome;
  if (outcome?.heldForMs !== undefined)
    return { code: outcome.reason, message: outcomeSentence(outcome) ?? NO_TOKEN.message };
  if (outcome?.failure) return failureReason(outcome.failure);
  const { reason } = useDecision(account, rule, minValidSeconds, now);
  if (reason === 'not_before') return NOT_YET;
  if (reason !== 'fresh' && lastAttemptFailed(account)) return 'last_attempt';
  return isServed && reason === 'fresh' ? SHORT_LIVED : NO_TOKEN;
}

/** Whether the last attempt was made with the current grant, and failed. */
function lastAttemptFailed({ lastAttempt, current }: Account): boolean {
  return (
    lastAttempt?.outcome === 'failed' &&
    lastAttempt.ofCandidate !== true &&
    lastAttempt.finishedAt.getTime() >= Date.parse(current.obtainedAt)
  );
}

/** Hides from token callers which part of a stored grant is unreadable: only admins see it. */
function failureReason({ code, message }: Reason): Reason {
  return DOES_NOT_OPEN.has(code) ? GRANT_UNREADABLE : { code, message };
}

function retryAfterSeconds(
  { nextAttemptAt, lastError, lastAttempt, failedAttempts }: Account,
  renewal: Renewal | null,
  now: Date,
): number {
  // A wait that the provider asked for is not recorded as the account's error; any other wait is the back-off of token requests.
  const askedToWait = lastError?.at.getTime() !== lastAttempt?.finishedAt.getTime();
  const ownUntil = (lastAttempt?.finishedAt.getTime() ?? 0) + retryPauseMs(failedAttempts);
  const until = askedToWait ? (nextAttemptAt?.getTime() ?? 0) : ownUntil;
  const waitMs = Math.max(until - now.getTime(), renewal?.outcome?.heldForMs ?? 0);
  return Math.max(RETRY_AFTER_SECONDS, Math.ceil(waitMs / 1000));
}

function served(
  { current, generation }: Account,
  accessToken: string,
  how: Pick<ServedToken, 'source' | 'at' | 'notice'>,
): ServedToken {
  return {
    active: true,
    accessToken,
    // Present wherever there is an access token.
    accessTokenFingerprint: current.accessTokenFingerprint ?? '',
    expiresAt: current.expiresAt,
    scopes: current.scopes,
    ...(current.providerValues === undefined ? {} : { providerValues: current.providerValues }),
    source: how.source,
    generation,
    at: how.at,
    notice: how.notice,
  };
}

function servedFallback(
  { fallback, generation }: Account,
  accessToken: string,
  at: Date,
): ServedToken {
  return {
    active: true,
    accessToken,
    accessTokenFingerprint: fallback?.accessTokenFingerprint ?? '',
    expiresAt: fallback?.expiresAt ?? null,
    // The scopes of a fallback token are unknown.
    scopes: [],
    source: 'fallback',
    generation,
    at,
    notice: null,
  };
}

function refused(account: Account): NoToken {
  const { state, lastError } = account;
  const isUnreadable =
    !isOutOfService(state) && lastError !== null && DOES_NOT_OPEN.has(lastError.code);
  return {
    active: false,
    reason: isUnreadable ? GRANT_UNREADABLE : reasonOf(account),
    retryAfterSeconds: null,
  };
}

function reasonOf({ state, stateReason }: Account): Reason {
  return { code: state, message: stateReason ?? 'The owner must reconnect the account.' };
}

const SHORT_LIVED: Reason = {
  code: 'short_lived',
  message:
    "The provider's tokens never live as long as min_valid_seconds requires. Evergrant refreshes this token at half its lifetime.",
};
const NOT_YET: Reason = {
  code: 'not_before',
  message:
    'The provider refreshes only shortly before the access token expires (notBefore), so no token lives as long as min_valid_seconds requires yet.',
};
const UNREADABLE: Reason = {
  code: 'access_token_unreadable',
  message:
    'The stored access token cannot be decrypted, and the account has no refresh token to obtain another one. Check ENCRYPTION_KEYS, or reconnect the account.',
};
const GRANT_UNREADABLE: Reason = {
  code: 'grant_unreadable',
  message: 'The stored grant cannot be decrypted. See the logs of the account for the cause.',
};
const DOES_NOT_OPEN: ReadonlySet<string> = new Set<RefreshFailureCode>([
  'row_corrupt',
  'row_not_sealed',
  'key_missing',
  'key_mismatch',
]);
const NO_TOKEN: Reason = {
  code: 'not_refreshed',
  message: 'The access token was not refreshed in time. See the logs of the account for the cause.',
};
