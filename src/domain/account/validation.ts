/** Validation: asking a provider whether an access token works, the possible verdicts and their consequences. Pure. */
import type { LogAction, LogSource } from '../logs/log-entry';
import { type AttemptOutcome, heldSentence } from '../refresh/refresh-attempt';
import type { RefreshFailure } from '../refresh/refresh-failure';
import type { DueAccount } from '../refresh/sweep';
import type { TokenVerdict } from './account';
import { type Account, AccountState } from './account';
import { remainingLifeMs } from './grant';

export interface ValidationRequest {
  source: LogSource;
  /** The caller, for the log. */
  caller: string;
  /** Whether to log headers and bodies, masked. */
  capture: boolean;
}

export interface ValidateAccountInput {
  accountId: string;
  /** Id of this validation attempt and of its log entry. */
  attemptId: string;
  request: ValidationRequest;
}

/** Outcome of one validation, as callers see it. */
export interface ValidationOutcome {
  accountId: string;
  /** `skipped`: there is no access token to validate, or the token was replaced before the verdict arrived. */
  outcome: TokenVerdict | 'skipped';
  reason: string;
  failure: RefreshFailure | null;
  logEntryId: string | null;
  /** The forced refresh that followed a refused token. */
  refresh: AttemptOutcome | null;
}

export interface ValidateAccountResult {
  validation: ValidationOutcome;
  /** Set if the account must be refreshed at once because its token was refused before its expiry. */
  toRefresh: DueAccount | null;
}

export interface ValidationTally {
  validated: number;
  invalid: number;
  /** The verdict was `unknown`, so nothing was changed. */
  unknown: number;
  /** The account was replaced, disabled or removed in the meantime. */
  skipped: number;
  failures: Record<string, number>;
  toRefresh: DueAccount[];
}

export function validationAction(verdict: TokenVerdict): LogAction {
  if (verdict === 'valid') return 'token_validated';
  return verdict === 'invalid' ? 'token_invalid' : 'token_validation_error';
}

export type ValidationConsequence =
  | { kind: 'none' }
  /** The token of an inactive account works again. */
  | { kind: 'activate' }
  /** Refresh the account: the token endpoint decides whether the grant still works. */
  | { kind: 'refresh' }
  | { kind: 'state'; state: AccountState };

/**
 * Decides how a verdict changes the account. A refused access token that cannot be refreshed makes the account
 * inactive; otherwise one refresh follows, and its outcome decides. If the refreshed token is refused too, no further
 * refresh is tried.
 *
 * @param refused the state of accounts that the provider refuses, from its adapter
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
  // In quarantine another system may hold a newer token, so a refusal of this one is expected.
  if (verdict === 'unknown' || state !== AccountState.active || account.quarantine)
    return { kind: 'none' };
  if (current.refreshToken === null) return { kind: 'state', state: AccountState.inactive };
  // A refusal of an expired token is expected. The account is due, and its refresh decides.
  if (remainingLifeMs(current, now) <= 0) return { kind: 'none' };
  if (refusedGeneration !== generation - 1) return { kind: 'refresh' };
  return refused === AccountState.inactive ? { kind: 'state', state: refused } : { kind: 'none' };
}

const SKIPPED: Readonly<Record<string, string>> = {
  no_access_token:
    'The account has no access token yet, only a refresh token. Refresh the account first.',
  token_replaced:
    'The access token was replaced during the validation. Validate the account again.',
};

/** Describes the outcome for people, or `null` if the reason says everything. */
export function validationSentence({
  failure,
  reason,
}: Pick<ValidationOutcome, 'failure' | 'reason'>): string | null {
  return heldSentence(reason) ?? failure?.message ?? SKIPPED[reason] ?? null;
}
