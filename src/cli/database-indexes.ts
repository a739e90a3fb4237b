/** Checks and builds MongoDB's indexes for `evergrant indexes`, and reports failures as the command line does. */
import type { Connection } from 'mongoose';
import { mongodbStartError } from '../process/bootstrap';
import { createLogger } from '../process/logging';
import { StartError } from '../process/start-error';
import { applyIndexes, checkIndexes, IndexProblem, type IndexReport } from '../store/mongo/indexes';
import { onIndexConnection } from '../store/store';
import { CommandFailed } from './errors';

/** @throws {CommandFailed} if MongoDB is unreachable, or an index has another definition */
export function checkDatabase(mongodbUri: string): Promise<IndexReport> {
  return onDatabase(mongodbUri, checkIndexes);
}

/** Logs the progress to standard error. @throws as {@link checkDatabase} */
export function applyToDatabase(mongodbUri: string): Promise<IndexReport> {
  const logger = createLogger('debug', process.stderr);
  return onDatabase(mongodbUri, (connection) => applyIndexes(connection, logger));
}

async function onDatabase(
  mongodbUri: string,
  work: (connection: Connection) => Promise<IndexReport>,
): Promise<IndexReport> {
  try {
    return await onIndexConnection(mongodbUri, work);
  } catch (caught) {
    const error = mongodbStartError(caught, mongodbUri);
    if (error instanceof StartError || error instanceof IndexProblem)
      throw new CommandFailed(error.message);
    throw error;
  }
}
