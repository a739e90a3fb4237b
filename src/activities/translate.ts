/** Translates the errors that leave an activity. */
import { ApplicationFailure, log } from '@temporalio/activity';
import { safeError } from '../domain/masking/safe-error';
import { isDatabaseUnavailable } from '../store/mongo/unavailability';

/**
 * Replaces errors with failures of fixed wording and drops the cause: errors of OAuth libraries and database drivers
 * can carry bodies and values, and Temporal stores failures in its history.
 */
export async function translate<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ApplicationFailure) throw error;
    if (isDatabaseUnavailable(error)) {
      throw ApplicationFailure.retryable(
        'MongoDB is unreachable, so nothing was sent to the provider.',
        'database_unavailable',
      );
    }
    const { name, at } = safeError(error);
    log.error('an activity failed with an internal error', { error_name: name, at });
    throw ApplicationFailure.retryable(
      `Internal error (${name}). See the log of the worker.`,
      'internal_error',
    );
  }
}
