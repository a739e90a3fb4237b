/** The activities: all side effects of the workflows. Each takes and returns one object, without plaintext tokens. */
import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import type { SealedGrant } from '../domain/account/grant';
import type {
  ValidateAccountInput,
  ValidateAccountResult,
  ValidationTally,
} from '../domain/account/validation';
import type { ConsentRecord } from '../domain/connect/consent-record';
import type { ResealedPage, RotationCursor, RotationVerdict } from '../domain/encryption-rotation';
import type { LogEntry, LogSource } from '../domain/logs/log-entry';
import type { AttemptStep } from '../domain/refresh/attempt-steps';
import type { RefreshGrantInput, RefreshGrantResult } from '../domain/refresh/refresh-attempt';
import {
  type BatchProgress,
  batchBeginning,
  type RefreshBatchInput,
} from '../domain/refresh/refresh-batch';
import type { DueAccount } from '../domain/refresh/sweep';
import { AttemptSteps } from '../refresh/attempt-steps';
import { type AttemptPlace } from '../refresh/claim';
import type { RefreshDependencies } from '../refresh/dependencies';
import { refreshGrant } from '../refresh/refresh-grant';
import { type ApplyPolicyInput, applyPolicy } from './apply-policy';
import { awaitDatabase } from './await-database';
import { type BeginDisconnection, beginDisconnection } from './begin-disconnection';
import { type DisconnectionEnd, finishDisconnection } from './finish-disconnection';
import { type DuePage, type ListDueAccountsInput, listDueAccounts } from './list-due-accounts';
import { type ListDueValidationsInput, listDueValidations } from './list-due-validations';
import { persistGrant } from './persist-grant';
import { recordAttempt } from './record-attempt';
import { recordHeartbeat } from './record-heartbeat';
import { refreshBatch } from './refresh-batch';
import { resealRecords } from './reseal-records';
import { type RevocationRound, type RevokeTokens, revokeTokens } from './revoke-tokens';
import { type StoredConsent, storeConsent } from './store-consent';
import { translate } from './translate';
import { validateAccount } from './validate-account';
import {
  noProgress,
  type ValidateAccountsInput,
  type ValidationProgress,
  validateAccounts,
} from './validate-accounts';
import { surveyRotation, type VerifyRotationInput, verifyRotation } from './verify-rotation';
import { warnOfRefreshTokens } from './warn-of-refresh-tokens';
import { type AppCheck, checkApp } from './watch-app';

const HEARTBEAT_EVERY_MS = 1_000;

export function createActivities(deps: RefreshDependencies) {
  return {
    /** Claim, decrypt, exchange, encrypt, commit, log: one attempt. Must not be retried blindly. */
    refreshGrant(input: RefreshGrantInput): Promise<RefreshGrantResult> {
      const place = attemptPlace();
      const steps = new AttemptSteps(input.request.capture ? tellSteps : null);
      const tell = () => tellSteps(steps.isCaptured ? steps.soFar() : undefined);
      return alive(refreshGrant(deps, input, place, steps), tell);
    },
    /** Attempts for many accounts of a sweep. A retry of the activity resumes from the last heartbeat. */
    refreshBatch(input: RefreshBatchInput): Promise<BatchProgress> {
      const { activityId, attempt, heartbeatDetails } = activityInfo();
      const progress: BatchProgress = heartbeatDetails ?? batchBeginning(input.accounts);
      const id = `${attemptPlace().runId}-${activityId}`;
      const stopping = AbortSignal.any([deps.stopping, cancellationSignal()]);
      return alive(refreshBatch(deps, input, { id, attempt, stopping }, progress), () =>
        heartbeat(progress),
      );
    },
    /** Commits a grant that was received while MongoDB was unreachable. Retried until it succeeds. */
    persistGrant(input: {
      accountId: string;
      generation: number;
      grant: SealedGrant;
      source: LogSource;
    }): Promise<{ committed: boolean }> {
      return alive(persistGrant(deps, input));
    },
    /** Stores a consent that was received while MongoDB was unreachable. Retried until it succeeds. */
    storeConsent(record: ConsentRecord): Promise<StoredConsent> {
      return alive(storeConsent(deps, record));
    },
    /** Takes an account out of service, before its tokens are revoked. `false`: it does not exist. */
    beginDisconnection(input: BeginDisconnection): Promise<boolean> {
      return alive(beginDisconnection(deps, input).then((account) => account !== null));
    },
    /** Sends one revocation per token without a result. Safe to repeat. */
    revokeTokens(input: RevokeTokens): Promise<RevocationRound> {
      return alive(revokeTokens(deps, input));
    },
    /** Deletes the tokens of an account once each has its result. */
    finishDisconnection(input: RevokeTokens): Promise<DisconnectionEnd> {
      return alive(finishDisconnection(deps, input));
    },
    /** Checks whether a refresh could begin. Retried until it could. */
    awaitDatabase(): Promise<void> {
      return alive(awaitDatabase(deps));
    },
    /** Records and logs an attempt that could not be logged at once. Retried until it succeeds. */
    recordAttempt(input: { entry: LogEntry }): Promise<void> {
      return alive(recordAttempt(deps, input));
    },
    /** One page of the due accounts, most urgent first. */
    listDueAccounts(input: ListDueAccountsInput): Promise<DuePage> {
      return alive(listDueAccounts(deps, input));
    },
    /** Recomputes the due times of a provider's accounts under the current policy. */
    applyPolicy(input: ApplyPolicyInput): Promise<{ rewritten: number }> {
      return translate(applyPolicy(deps, input));
    },
    /** Warns about refresh tokens that expire soon: at most once at 30, 14, 7 and 1 days before. */
    warnOfRefreshTokens(input: {
      provider: string;
      environment: string | null;
    }): Promise<{ warned: number }> {
      return alive(warnOfRefreshTokens(deps, input, attemptPlace()));
    },
    /** Logs that a sweep ran and found nothing due. */
    recordHeartbeat(input: { provider: string }): Promise<void> {
      return alive(recordHeartbeat(deps, input, attemptPlace()));
    },
    /** Asks the provider whether one account's access token works. Safe to repeat: a validation uses nothing up. */
    validateAccount(input: ValidateAccountInput): Promise<ValidateAccountResult> {
      return alive(validateAccount(deps, input, attemptPlace()));
    },
    /** The next accounts that are due for validation. */
    listDueValidations(input: ListDueValidationsInput): Promise<DueAccount[]> {
      return alive(listDueValidations(deps, input));
    },
    /** The current state of an OAuth app, and the accounts that can probe it. */
    checkApp(input: { provider: string; environment: string }): Promise<AppCheck> {
      return alive(checkApp(deps, input));
    },
    /** `validateAccount` for a batch. A retry of the activity resumes from the last heartbeat. */
    validateAccounts(input: ValidateAccountsInput): Promise<ValidationTally> {
      const progress: ValidationProgress = activityInfo().heartbeatDetails ?? noProgress();
      return alive(validateAccounts(deps, input, attemptPlace(), progress), () =>
        heartbeat(progress),
      );
    },
    /** Lists the processes that do not encrypt with the new key yet, and counts the records to re-encrypt. */
    surveyRotation(input: { to: string }): Promise<{ lagging: string[]; total: number }> {
      return alive(surveyRotation(deps, input));
    },
    /** Re-encrypts one page of records with the active key. Safe to repeat. */
    resealRecords(input: { to: string; cursor: RotationCursor }): Promise<ResealedPage> {
      return alive(resealRecords(deps, input));
    },
    /** Counts the records under other keys, and retires the keys that are no longer needed. */
    verifyRotation(input: VerifyRotationInput): Promise<RotationVerdict> {
      return alive(verifyRotation(deps, input));
    },
  };
}

function attemptPlace(): AttemptPlace {
  const { workflowExecution } = activityInfo();
  return {
    workflowId: workflowExecution?.workflowId ?? '',
    runId: workflowExecution?.runId ?? '',
  };
}

/** Heartbeats with the names and times of the steps if they are captured; otherwise with no details. */
function tellSteps(steps?: AttemptStep[]): void {
  heartbeat(steps && { steps });
}

export type Activities = ReturnType<typeof createActivities>;

/**
 * Heartbeats every second while the work runs, so that a lost or stopped worker is replaced within seconds. The work is
 * never cancelled; a sent request is finished.
 */
async function alive<T>(work: Promise<T>, sendHeartbeat: () => void = heartbeat): Promise<T> {
  // A local activity cannot heartbeat; the workflow task's timeout replaces it.
  if (activityInfo().isLocal) return translate(work);
  const timer = setInterval(() => sendHeartbeat(), HEARTBEAT_EVERY_MS);
  try {
    return await translate(work);
  } finally {
    clearInterval(timer);
  }
}
