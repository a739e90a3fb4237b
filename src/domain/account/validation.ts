/** Asking a provider whether an access token works: what is asked, what it may say, and what follows. Pure. */
import { type Account, AccountState } from './account';
import { remainingLifeMs } from './grant';
import type { LogAction, LogSource } from './log-entry';
import { type AttemptOutcome, heldSentence } from './refresh-attempt';
import type { RefreshFailure } from './refresh-failure';
import type { DueAccount } from './sweep';

export const TOKEN_VERDICTS = ['valid', 'invalid', 'unknown'] as const;
/** `unknown`: network, 5xx, throttling, or a refusal of something else than the token. It changes nothing. */
export type TokenVerdict = (typeof TOKEN_VERDICTS)[number];

/** How an account's current access token fared when its provider was last asked. */
export interface LastValidation {
  outcome: TokenVerdict;
  at: Date;
  logEntryId: string;
}

export interface ValidationRequest {
  source: LogSource;
  /** Who asks, for the log. */
  caller: string;
  /** Keep headers and bodies, masked. */
  capture: boolean;
}

export interface ValidateAccountInput {
  accountId: string;
  /** Of this try, and the id of its log entry. */
  attemptId: string;
  request: ValidationRequest;
}

/** How one validation ended, as every caller sees it. */
export interface ValidationOutcome {
  accountId: string;
  /** `skipped`: there is no access token to show, or the verdict came too late: the token was replaced meanwhile. */
  outcome: TokenVerdict | 'skipped';
  reason: string;
  failure: RefreshFailure | null;
  logEntryId: string | null;
  /** The forced refresh that a refused token led to. */
  refresh: AttemptOutcome | null;
}

export interface ValidateAccountResult {
  validation: ValidationOutcome;
  /** Set where the account is to be refreshed at once, because its token was refused before its end. */
  toRefresh: DueAccount | null;
}

/** What a batch of a sweep came to. */
export interface ValidationTally {
  validated: number;
  invalid: number;
  /** Neither valid nor invalid, and nothing was changed. */
  unknown: number;
  /** Replaced, disabled or removed meanwhile. */
  skipped: number;
  /** By failure code. */
  failures: Record<string, number>;
  toRefresh: DueAccount[];
}

export function validationAction(verdict: TokenVerdict): LogAction {
  if (verdict === 'valid') return 'token_validated';
  return verdict === 'invalid' ? 'token_invalid' : 'token_validation_error';
}

export type ValidationConsequence =
  | { kind: 'none' }
  /** The token works after all. */
  | { kind: 'activate' }
  /** Ask for a new pair: whether the grant lives, the token endpoint must say. */
  | { kind: 'refresh' }
  | { kind: 'state'; state: AccountState };

/**
 * What a verdict does to its account. A refused access token is the end where nothing can refresh it (R2.3); elsewhere
 * one refresh is tried first, and its refusal decides. It is tried once: a new token that is refused as well means that
 * refreshing does not help.
 *
 * @param refused the state of accounts whose provider refuses them, as the provider's adapter says
 */
export function validationConsequence(
  account: Pick<Account, 'state' | 'quarantine' | 'current' | 'generation' | 'refusedGeneration'>,
  verdict: TokenVerdict,
  refused: AccountState,
  now: Date,
): ValidationConsequence {
  const { state, current, generation, refusedGeneration } = account;
  if (verdict === 'valid')
    return state === AccountState.inactive ? { kind: 'activate' } : { kind: 'none' };
  // In quarantine another system may have a newer token: that this one is refused is no news.
  if (verdict === 'unknown' || state !== AccountState.active || account.quarantine)
    return { kind: 'none' };
  if (current.refreshToken === null) return { kind: 'state', state: AccountState.inactive };
  // That an access token which has ended is refused is no news: it is due, and its refresh will tell.
  if (remainingLifeMs(current, now) <= 0) return { kind: 'none' };
  if (refusedGeneration !== generation - 1) return { kind: 'refresh' };
  return refused === AccountState.inactive ? { kind: 'state', state: refused } : { kind: 'none' };
}

const SKIPPED: Readonly<Record<string, string>> = {
  no_access_token: 'There is no access token yet, only a refresh token. Refresh the account first.',
  token_replaced: 'The access token was replaced while its provider was asked; ask again.',
};

/** The outcome as a sentence for people, where there is more to say than its reason. */
export function validationSentence({
  failure,
  reason,
}: Pick<ValidationOutcome, 'failure' | 'reason'>): string | null {
  return heldSentence(reason) ?? failure?.message ?? SKIPPED[reason] ?? null;
}
