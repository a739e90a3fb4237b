/** How errors leave an activity: as failures of our own words. */
import { ApplicationFailure, log } from '@temporalio/activity';
import { safeError } from '../domain/safe-error';
import { isDatabaseUnavailable } from '../store/database';

/**
 * Errors leave as failures of our own words. The cause stays behind: errors of OAuth libraries and database drivers
 * can carry bodies and values, and a failure is stored in Temporal's history.
 */
export async function translate<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ApplicationFailure) throw error;
    if (isDatabaseUnavailable(error)) {
      throw ApplicationFailure.retryable(
        'the database is away; nothing was sent',
        'database_unavailable',
      );
    }
    const { name, at } = safeError(error);
    log.error('an activity ended with an error that is ours', { error_name: name, at });
    throw ApplicationFailure.retryable(
      `internal error (${name}); see the worker's log`,
      'internal_error',
    );
  }
}
