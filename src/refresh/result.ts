/** The result of one attempt, for the workflow. */
import { type Account, isOutOfService } from '../domain/account/account';
import type { SealedGrant } from '../domain/account/grant';
import { candidateRetriedUntil } from '../domain/refresh/failure-effects';
import {
  type AttemptOutcome,
  type CandidateResult,
  type RefreshGrantInput,
  type RefreshGrantResult,
} from '../domain/refresh/refresh-attempt';
import { type EntryContext } from './attempt-entry';
import type { RefreshDependencies } from './dependencies';

/** The result of a tried candidate, for the workflow. */
export function candidateResult(
  { providers }: Pick<RefreshDependencies, 'providers'>,
  { account, candidate }: EntryContext,
  outcome: CandidateResult['outcome'],
): Pick<RefreshGrantResult, 'candidate'> {
  if (candidate === null) return {};
  const until = candidateRetriedUntil(account, candidate, providers.rule(account.provider));
  return { candidate: { outcome, retriedUntil: until.toISOString() } };
}

/** Whether the refresh token was replaced, so that the old one must not be sent again. */
export function isRotated(before: SealedGrant | null, after: SealedGrant): boolean {
  return (
    before !== null &&
    before.refreshTokenFingerprint !== null &&
    before.refreshTokenFingerprint !== after.refreshTokenFingerprint
  );
}

export function result(
  input: RefreshGrantInput,
  account: Account | null,
  attempt: Pick<AttemptOutcome, 'outcome' | 'reason'> & Partial<AttemptOutcome>,
): RefreshGrantResult {
  const refreshable = account !== null && !isOutOfService(account.state);
  return {
    attempt: {
      accountId: input.accountId,
      exchange: null,
      failure: null,
      generation: account?.generation ?? null,
      expiresAt: account?.current.expiresAt ?? null,
      logEntryId: null,
      ...attempt,
    },
    accessTokenExpiresAt: refreshable ? account.current.expiresAt : null,
    refreshTokenExpiresAt: account?.current.refreshTokenExpiresAt ?? null,
    ...(account === null ? {} : { obtainedAt: account.current.obtainedAt }),
    sentAt: null,
    replayRule: null,
    orphanAdopted: false,
    rotatedTo: null,
    unwritten: null,
  };
}
