/**
 * The account: one connected grant of one organisation, as the rest of Evergrant sees it. Pure; the store maps
 * documents to it.
 */
import { remainingLifeMs, type SealedFallback, type SealedGrant } from './grant';
import type { LogSource } from './log-entry';
import type { RefreshFailure } from './refresh-failure';
import type { AccountClocks, AccountPolicy } from './refresh-policy';
import type { LastValidation } from './validation';

/** What is stored. The clocks (expiring, expired) are not: they are read off the grant by {@link accountStatus}. */
export const AccountState = {
  active: 'active',
  needsReconnect: 'needs_reconnect',
  inactive: 'inactive',
  disabled: 'disabled',
} as const;
export type AccountState = (typeof AccountState)[keyof typeof AccountState];

/** What people see (R1.9). */
export const ACCOUNT_STATUSES = [
  'ok',
  'expiring_soon',
  'expired',
  'needs_reconnect',
  'inactive',
  'disabled',
] as const;
export type AccountStatus = (typeof ACCOUNT_STATUSES)[number];

/** A refresh that somebody has taken on; it fences every other one until `leaseUntil`. */
export interface Claim {
  attemptId: string;
  worker: string;
  source: LogSource;
  at: Date;
  leaseUntil: Date;
  /** Set just before the request leaves: from here on a missing answer means *unknown*, before it *not sent*. */
  sentAt?: Date;
  generation?: number;
  refreshTokenFingerprint?: string;
}

/** How an account's newest attempt ended, so that a caller who asked before it ended shares its outcome. */
export interface LastAttempt {
  attemptId: string;
  outcome: 'refreshed' | 'failed';
  source: LogSource;
  finishedAt: Date;
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
  /** Another system still refreshes this grant: it is served, and refreshed by nobody here until it is released. */
  quarantine: boolean;
  /** Restored from a backup that is older than the account's newest refresh token: what is stored is never sent. */
  staleRestore: boolean;
  generation: number;
  current: SealedGrant;
  previous: SealedGrant | null;
  /** Grants that arrived after another refresh had won: kept, never dropped. */
  leaves: SealedGrant[];
  /** Handed out only where refreshing fails (R3.2). */
  fallback: SealedFallback | null;
  claim: Claim | null;
  lastRefreshedAt: Date;
  lastAttempt: LastAttempt | null;
  lastError: (RefreshFailure & { at: Date }) | null;
  failedAttempts: number;
  /** The generation whose access token was last refused although it had not ended. */
  refusedGeneration: number | null;
  /** Of the current access token. */
  lastValidation: LastValidation | null;
  /** No attempt by a sweep before this moment. */
  nextAttemptAt: Date | null;
  /** What this account has otherwise than its provider. */
  policy: AccountPolicy | null;
  /** The last warning that its refresh token ends: so many days before; `null`: none yet. */
  refreshTokenWarnedDays: number | null;
  /** As stored: what the lists go by. */
  clocks: AccountClocks;
  createdAt: Date;
  updatedAt: Date;
}

/** The status people see: what is stored, or, for an active account, what its access token's clocks say. */
export function accountStatus(
  account: Pick<Account, 'state' | 'current' | 'clocks'>,
  now: Date,
): AccountStatus {
  if (account.state !== AccountState.active) return account.state;
  if (remainingLifeMs(account.current, now) <= 0) return 'expired';
  const { expiringSoonAt } = account.clocks;
  return expiringSoonAt !== null && expiringSoonAt <= now ? 'expiring_soon' : 'ok';
}
