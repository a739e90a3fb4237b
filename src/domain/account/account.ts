/** The account: one connected grant of one organisation. The store maps documents to this type. */
import type { Subject } from '../connect/connect-session';
import type { Disconnection } from '../connect/disconnection';
import type { Reminders } from '../connect/reminder';
import type { LogSource } from '../logs/log-entry';
import type { RefreshFailure } from '../refresh/refresh-failure';
import type { UnansweredSend } from '../refresh/replay';
import { momentText } from '../text/time-text';
import { remainingLifeMs, type SealedFallback, type SealedGrant } from './grant';
import type { GrantType } from './grant-type';
import type { OwnerEmail } from './owner-email';
import type { AccountDueTimes, AccountPolicy } from './policy';

/** The stored state. Expiry is not part of it: {@link accountStatus} derives it from the grant. */
export const AccountState = {
  active: 'active',
  needsReconnect: 'needs_reconnect',
  inactive: 'inactive',
  disabled: 'disabled',
  /** Its tokens are being revoked, or were revoked and deleted. A reconnect brings it back. */
  disconnected: 'disconnected',
} as const;
export type AccountState = (typeof AccountState)[keyof typeof AccountState];

/** The states in which nothing is sent for an account, and no token is served. */
export const OUT_OF_SERVICE = [AccountState.disabled, AccountState.disconnected] as const;

export function isOutOfService(state: AccountState): state is (typeof OUT_OF_SERVICE)[number] {
  return state === AccountState.disabled || state === AccountState.disconnected;
}

/** The status shown in the API and on pages. */
export const ACCOUNT_STATUSES = [
  'ok',
  'expiring_soon',
  'expired',
  'needs_reconnect',
  'inactive',
  'disabled',
  'disconnected',
] as const;
export type AccountStatus = (typeof ACCOUNT_STATUSES)[number];

/** A refresh in progress. It excludes every other refresh of the account until `leaseUntil`. */
export interface Claim {
  attemptId: string;
  worker: string;
  source: LogSource;
  at: Date;
  leaseUntil: Date;
  /** Set just before the request is sent. A missing answer means *unknown* if this is set, *not sent* if it is not. */
  sentAt?: Date;
  generation?: number;
  refreshTokenFingerprint?: string;
}

/** The outcome of the newest attempt. A caller whose request is older than `finishedAt` receives this outcome. */
export interface LastAttempt {
  attemptId: string;
  outcome: 'refreshed' | 'failed';
  source: LogSource;
  finishedAt: Date;
  /** The attempt used a candidate and failed, so its outcome does not apply to the current grant. */
  ofCandidate?: true;
}

export interface Account {
  id: string;
  organisation: string;
  provider: string;
  environment: string;
  externalId: string;
  label: string;
  kind: string | null;
  state: AccountState;
  stateReason: string | null;
  stateAt: Date;
  /** Another system still refreshes this grant. Evergrant serves its token, but refreshes it only after its release. */
  quarantine: boolean;
  /** When the account was put in quarantine; `null`: it is not, or a version before 0.2.0 did it. */
  quarantinedAt: Date | null;
  /** The account was restored from a backup older than its newest refresh token, so the stored one is never sent. */
  staleRestore: boolean;
  generation: number;
  /** Fixed when the account is created. It decides the content of {@link SealedGrant.refreshToken}. */
  grantType: GrantType;
  /** The account's credentials name its own client, so that a refused client is not the OAuth app's fault. */
  hasOwnClient: boolean;
  /** When a caller last asked for a token. Recorded only for accounts with credentials, and about once per token. */
  askedAt: Date | null;
  current: SealedGrant;
  previous: SealedGrant | null;
  /** A grant that was entered and is not tried yet. */
  candidate: Candidate | null;
  /** The grant that the last reconnect replaced, kept while it may still work. */
  replaced: ReplacedGrant | null;
  lastReconnect: LastReconnect | null;
  /** Orphaned grants: they arrived after another refresh had been stored, and are kept until one is adopted. */
  orphanedGrants: SealedGrant[];
  /** A static token that is served only if refreshing fails. */
  fallback: SealedFallback | null;
  claim: Claim | null;
  /** Last refresh of the current grant. `null`: the grant was entered by a person and not refreshed since. */
  lastRefreshedAt: Date | null;
  lastAttempt: LastAttempt | null;
  lastError: (RefreshFailure & { at: Date }) | null;
  /** A request with the current grant whose answer was lost. `null`: there is none. */
  unanswered: UnansweredSend | null;
  failedAttempts: number;
  /** Evergrant has refreshed this grant successfully, and the provider has neither refused nor failed it since. */
  isProven: boolean;
  /** When the provider first refused the OAuth app for this account since it last served the account. */
  refusedAt: Date | null;
  /** The generation whose access token was last refused before its expiry. */
  refusedGeneration: number | null;
  lastValidation: LastValidation | null;
  /** When the provider was last asked about an access token of this account, current or earlier. */
  validatedAt: Date | null;
  /** Sweeps make no attempt before this time. */
  nextAttemptAt: Date | null;
  /** Settings that override the provider's policy for this account. */
  policy: AccountPolicy | null;
  /** The person or shop that gave the consent of the current grant; `null`: unknown. */
  subject: Subject | null;
  /** `null`: unknown; then no reminder is sent. */
  ownerEmail: OwnerEmail | null;
  /** The last disconnection; `null`: there was none, or the account was reconnected since. */
  disconnection: Disconnection | null;
  reminders: Reminders | null;
  /** Requested scopes that the person did not grant in the last consent. */
  missingScopes: string[];
  /** Days before expiry of the last warning about the refresh token. `null`: no warning was sent yet. */
  refreshTokenWarnedDays: number | null;
  /** Stored due times, which the lists are sorted and filtered by. */
  dueTimes: AccountDueTimes;
  createdAt: Date;
  updatedAt: Date;
}

/**
 * Returns the stored state, or for an active account the status that follows from its tokens' expiry. After its refresh
 * token expires, an account is `expiring_soon` or `expired`, never `ok`.
 */
export function accountStatus(
  account: Pick<Account, 'state' | 'current' | 'dueTimes'>,
  now: Date,
): AccountStatus {
  const { expiringSoonAt } = account.dueTimes;
  return derivedStatus(account.state, {
    hasExpired: remainingLifeMs(account.current, now) <= 0,
    expiresSoon: expiringSoonAt !== null && expiringSoonAt <= now,
  });
}

/**
 * @param tokens whether the access token has expired, and whether one of the tokens expires soon. A token that no
 * caller asks for may expire without expiring soon; the next caller gets a new one, so such an account is `ok`
 */
export function derivedStatus(
  state: AccountState,
  { hasExpired: isExpired, expiresSoon }: { hasExpired: boolean; expiresSoon: boolean },
): AccountStatus {
  if (state !== AccountState.active) return state;
  if (!expiresSoon) return 'ok';
  return isExpired ? 'expired' : 'expiring_soon';
}

/** Explains the status in one sentence, or `null` if there is nothing to explain. */
export function statusReason(
  { state, stateReason, current }: Pick<Account, 'state' | 'stateReason' | 'current'>,
  now: Date,
): string | null {
  const { accessToken, refreshTokenExpiresAt } = current;
  if (state !== AccountState.active) return stateReason;
  if (accessToken === null)
    return 'The account has no access token yet. The first refresh obtains one.';
  if (!hasExpired(refreshTokenExpiresAt, now)) return stateReason;
  return `The refresh token expired at ${momentText(new Date(refreshTokenExpiresAt))}, so the account works only until its access token expires. The owner must reconnect the account.`;
}

/**
 * Whether the account needs a reconnect only because its refresh token expired. No consent was withdrawn, so its access
 * token still works until it expires.
 */
export function hasOnlyExpired({
  state,
  stateAt,
  lastError,
  current,
}: Pick<Account, 'state' | 'stateAt' | 'lastError' | 'current'>): boolean {
  return (
    state === AccountState.needsReconnect &&
    lastError?.code === 'invalid_grant' &&
    hasExpired(current.refreshTokenExpiresAt, stateAt)
  );
}

function hasExpired(expiresAt: string | null, now: Date): expiresAt is string {
  return expiresAt !== null && Date.parse(expiresAt) <= now.getTime();
}

/** A grant that is tried before it replaces the current one. It is never served. */
export interface Candidate {
  /** Identifies the candidate: fingerprint of its refresh token, or of its access token if it has no refresh token. */
  fingerprint: string;
  grant: SealedGrant;
  since: Date;
  /** The caller who entered it. */
  by: string;
  failedAttempts: number;
  /** Sweeps do not try it before this time. */
  nextAttemptAt: Date | null;
  /** Why it could not be tried, or why its outcome is unknown. */
  lastFailure: (RefreshFailure & { at: Date }) | null;
}

export interface ReplacedGrant {
  grant: SealedGrant;
  at: Date;
  /** It can be restored until this time, and is deleted afterwards. */
  until: Date;
}

export interface LastReconnect {
  outcome: 'accepted' | 'refused';
  /** Same as {@link Candidate.fingerprint}. */
  fingerprint: string;
  at: Date;
  logEntryId: string;
  /** Set if the provider refused the candidate. */
  failure: RefreshFailure | null;
}

export const TOKEN_VERDICTS = ['valid', 'invalid', 'unknown'] as const;

/** `unknown`: a network error, a 5xx, throttling, or a refusal unrelated to the token. It changes nothing. */
export type TokenVerdict = (typeof TOKEN_VERDICTS)[number];

export interface LastValidation {
  outcome: TokenVerdict;
  at: Date;
  logEntryId: string;
}
