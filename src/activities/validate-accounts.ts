/** Validates a batch of a sweep, some at a time. Resumable: what was done is in the heartbeat. */
import { log } from '@temporalio/activity';
import { safeError } from '../domain/safe-error';
import type {
  ValidateAccountResult,
  ValidationRequest,
  ValidationTally,
} from '../domain/validation';
import { isDatabaseUnavailable } from '../store/database';
import type { ActivityDependencies } from './dependencies';
import type { AttemptPlace } from './refresh-grant';
import { validateAccount } from './validate-account';

const AT_ONCE = 10;

export interface ValidateAccountsInput {
  /** ISO time the list is as of. */
  asOf: string;
  accountIds: string[];
  request: ValidationRequest;
}

/** The ids that are done, and what they came to; kept in heartbeats. */
export interface ValidationProgress {
  done: string[];
  tally: ValidationTally;
}

export function noProgress(): ValidationProgress {
  const tally = { validated: 0, invalid: 0, unknown: 0, skipped: 0, failures: {}, toRefresh: [] };
  return { done: [], tally };
}

/** @param progress grows while it runs; where an earlier try got to, to begin with */
export async function validateAccounts(
  deps: ActivityDependencies,
  { asOf, accountIds, request }: ValidateAccountsInput,
  place: AttemptPlace,
  progress: ValidationProgress,
): Promise<ValidationTally> {
  // Behind this sweep's list: whatever goes wrong with one is tried again by the next sweep.
  await deps.store.validations.putOff(accountIds, new Date(Date.parse(asOf) + 1));
  const done = new Set(progress.done);
  const left = accountIds.filter((id) => !done.has(id)).values();
  const worker = async () => {
    for (const accountId of left) {
      const attemptId = `${place.runId}-validate-${accountId}`;
      const { tally } = progress;
      try {
        count(tally, await validateAccount(deps, { accountId, attemptId, request }, place));
      } catch (error) {
        if (isDatabaseUnavailable(error)) throw error;
        // One bad account never stops the others (R4.3).
        const { name, at } = safeError(error);
        log.error('a validation ended with an error that is ours', {
          account_id: accountId,
          error_name: name,
          at,
        });
        tally.unknown += 1;
        countFailure(tally, 'internal_error');
      }
      progress.done.push(accountId);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return progress.tally;
}

function count(tally: ValidationTally, { validation, toRefresh }: ValidateAccountResult): void {
  const { outcome, failure } = validation;
  tally[outcome === 'valid' ? 'validated' : outcome] += 1;
  if (failure !== null && outcome !== 'skipped') countFailure(tally, failure.code);
  if (toRefresh !== null) tally.toRefresh.push(toRefresh);
}

function countFailure(tally: ValidationTally, code: string): void {
  tally.failures[code] = (tally.failures[code] ?? 0) + 1;
}
