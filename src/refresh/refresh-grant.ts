/**
 * One refresh, step by step: claim, decrypt, exchange, encrypt, commit, log. All sources run this code; a debug run
 * only turns capture on. The workflow decides whether another attempt follows.
 */
import { safeError } from '../domain/masking/safe-error';
import { type RefreshGrantInput, type RefreshGrantResult } from '../domain/refresh/refresh-attempt';
import { type AttemptSteps, completeSteps } from './attempt-steps';
import type { AttemptPlace } from './claim';
import { claimAndRefresh } from './claim';
import type { RefreshDependencies } from './dependencies';
import { beginAttempt, endAttempt, withTrace } from './trace-attempt';

/**
 * Never throws after a request was sent: the result then holds the outcome, and whatever could not be stored,
 * encrypted. Throws if MongoDB becomes unreachable before that.
 * @param steps measures the steps
 */
export async function refreshGrant(
  deps: RefreshDependencies,
  input: RefreshGrantInput,
  place: AttemptPlace,
  steps: AttemptSteps,
): Promise<RefreshGrantResult> {
  const span = beginAttempt(input, place);
  steps.traceIn(span);
  try {
    await deps.restoreGuard.confirm();
    const done = await claimAndRefresh(deps, input, place, steps);
    const logged = done.attempt.logEntryId === input.attemptId && done.unwritten === null;
    steps.end();
    if (logged) await completeSteps(deps.store.logEntries, input.attemptId, steps);
    endAttempt(span, done);
    return withTrace(done, input, span);
  } catch (error) {
    steps.end();
    span.end(safeError(error).name);
    throw error;
  }
}
