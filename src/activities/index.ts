/** The activities: everything the workflows may do to the world. Object in, object out; no plaintext either way. */
import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import type { AttemptStep } from '../domain/attempt-steps';
import type { SealedGrant } from '../domain/grant';
import type { LogEntry, LogSource } from '../domain/log-entry';
import type { RefreshGrantInput, RefreshGrantResult } from '../domain/refresh-attempt';
import {
  type BatchProgress,
  batchBeginning,
  type RefreshBatchInput,
} from '../domain/refresh-batch';
import type { ResealedPage, RotationCursor, RotationVerdict } from '../domain/rotation';
import type { DueAccount } from '../domain/sweep';
import type {
  ValidateAccountInput,
  ValidateAccountResult,
  ValidationTally,
} from '../domain/validation';
import { type ApplyPolicyInput, applyPolicy } from './apply-policy';
import { AttemptSteps } from './attempt-steps';
import type { ActivityDependencies } from './dependencies';
import { type DuePage, type ListDueAccountsInput, listDueAccounts } from './list-due-accounts';
import { type ListDueValidationsInput, listDueValidations } from './list-due-validations';
import { type LaneLook, lookAtLane } from './look-at-lane';
import { persistGrant } from './persist-grant';
import { recordAttempt } from './record-attempt';
import { recordHeartbeat } from './record-heartbeat';
import { refreshBatch } from './refresh-batch';
import { type AttemptPlace, refreshGrant } from './refresh-grant';
import { resealRecords } from './reseal-records';
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

const HEARTBEAT_EVERY_MS = 1_000;

export function createActivities(deps: ActivityDependencies) {
  return {
    /** Claim, decrypt, exchange, seal, commit, log: one attempt. Not to be retried blindly. */
    refreshGrant(input: RefreshGrantInput): Promise<RefreshGrantResult> {
      const place = attemptPlace();
      const steps = input.request.capture ? new AttemptSteps(tellSteps) : null;
      return alive(refreshGrant(deps, input, place, steps), () => tellSteps(steps?.soFar()));
    },
    /** The same for many accounts of a sweep; a further try goes on where the last one was. */
    refreshBatch(input: RefreshBatchInput): Promise<BatchProgress> {
      const { activityId, attempt, heartbeatDetails } = activityInfo();
      const progress: BatchProgress = heartbeatDetails ?? batchBeginning(input.accounts);
      const id = `${attemptPlace().runId}-${activityId}`;
      const stopping = AbortSignal.any([deps.stopping, cancellationSignal()]);
      return alive(refreshBatch(deps, input, { id, attempt, stopping }, progress), () =>
        heartbeat(progress),
      );
    },
    /** Commits a grant that was received while the database was away. Repeated until it is done. */
    persistGrant(input: {
      accountId: string;
      generation: number;
      grant: SealedGrant;
      source: LogSource;
    }): Promise<{ committed: boolean }> {
      return alive(persistGrant(deps, input));
    },
    /** Settles and logs an attempt that could not be logged at once. Repeated until it is done. */
    recordAttempt(input: { entry: LogEntry }): Promise<void> {
      return alive(recordAttempt(deps, input));
    },
    /** One page of the due accounts, most urgent first. */
    listDueAccounts(input: ListDueAccountsInput): Promise<DuePage> {
      return alive(listDueAccounts(deps, input));
    },
    /** Writes the clocks of a provider's accounts by the policy that is now in force. */
    applyPolicy(input: ApplyPolicyInput): Promise<{ rewritten: number }> {
      return translate(applyPolicy(deps, input));
    },
    /** Warns of the refresh tokens that end soon, each at most once for each of 30, 14, 7 and 1 days. */
    warnOfRefreshTokens(input: {
      provider: string;
      environment: string | null;
    }): Promise<{ warned: number }> {
      return alive(warnOfRefreshTokens(deps, input, attemptPlace()));
    },
    /** An entry that says: the sweep ran, nothing was due (R0.5). */
    recordHeartbeat(input: { provider: string }): Promise<void> {
      return alive(recordHeartbeat(deps, input, attemptPlace()));
    },
    /** Asks the provider whether one account's access token works. May be repeated: it spends nothing. */
    validateAccount(input: ValidateAccountInput): Promise<ValidateAccountResult> {
      return alive(validateAccount(deps, input, attemptPlace()));
    },
    /** The next accounts that are due for validation. */
    listDueValidations(input: ListDueValidationsInput): Promise<DueAccount[]> {
      return alive(listDueValidations(deps, input));
    },
    /** How a lane is just now, and who could find out whether it has healed. */
    lookAtLane(input: { provider: string; environment: string }): Promise<LaneLook> {
      return alive(lookAtLane(deps, input));
    },
    /** The same as `validateAccount` for a batch; a further try goes on where the last one was. */
    validateAccounts(input: ValidateAccountsInput): Promise<ValidationTally> {
      const progress: ValidationProgress = activityInfo().heartbeatDetails ?? noProgress();
      return alive(validateAccounts(deps, input, attemptPlace(), progress), () =>
        heartbeat(progress),
      );
    },
    /** Who does not seal with the promoted key yet, and what there is to re-seal. */
    surveyRotation(input: { to: string }): Promise<{ lagging: string[]; total: number }> {
      return alive(surveyRotation(deps, input));
    },
    /** Re-seals one page of records with the key that seals. May be repeated. */
    resealRecords(input: { to: string; cursor: RotationCursor }): Promise<ResealedPage> {
      return alive(resealRecords(deps, input));
    },
    /** What is left under other keys; retires those that nothing needs. */
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

/** What a heartbeat says: names and times of steps, and nothing where they are not captured. */
function tellSteps(steps?: AttemptStep[]): void {
  heartbeat(steps && { steps });
}

export type Activities = ReturnType<typeof createActivities>;

/**
 * Says every second that the work goes on: a worker that is gone, or was given the task while it stopped, is replaced
 * after seconds. Nothing is cancelled by it; a request that was sent is finished.
 */
async function alive<T>(work: Promise<T>, beat: () => void = heartbeat): Promise<T> {
  // In a workflow's own task it is the task that says so.
  if (activityInfo().isLocal) return translate(work);
  const beating = setInterval(() => beat(), HEARTBEAT_EVERY_MS);
  try {
    return await translate(work);
  } finally {
    clearInterval(beating);
  }
}
