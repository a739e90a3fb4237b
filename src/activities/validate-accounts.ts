/** Validates a batch of a sweep with limited concurrency. Resumable: heartbeats hold what was done. */
import { log } from '@temporalio/activity';
import type {
  ValidateAccountResult,
  ValidationRequest,
  ValidationTally,
} from '../domain/account/validation';
import { safeError } from '../domain/masking/safe-error';
import type { AttemptPlace } from '../refresh/claim';
import type { RefreshDependencies } from '../refresh/dependencies';
import { isDatabaseUnavailable } from '../store/mongo/unavailability';
import { validateAccount } from './validate-account';

const AT_ONCE = 10;

export interface ValidateAccountsInput {
  /** ISO time the list is as of. */
  asOf: string;
  accountIds: string[];
  request: ValidationRequest;
}

/** The ids that are done, and the results; kept in heartbeats. */
export interface ValidationProgress {
  done: string[];
  tally: ValidationTally;
}

export function noProgress(): ValidationProgress {
  const tally = { validated: 0, invalid: 0, unknown: 0, skipped: 0, failures: {}, toRefresh: [] };
  return { done: [], tally };
}

/** @param progress updated in place; initially the last heartbeat of an earlier attempt */
export async function validateAccounts(
  deps: RefreshDependencies,
  { asOf, accountIds, request }: ValidateAccountsInput,
  place: AttemptPlace,
  progress: ValidationProgress,
): Promise<ValidationTally> {
  // Postpone past this sweep's list, so that the next sweep retries failed validations.
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
        // One failing account must not stop the others.
        const { name, at } = safeError(error);
        log.error('a validation failed with an internal error', {
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
