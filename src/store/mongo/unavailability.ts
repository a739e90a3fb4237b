/**
 * Recognises errors that mean "not now": MongoDB is unreachable, has no primary, or did not confirm a write by a
 * majority. Every other error means that the operation was wrong.
 */
import mongoose from 'mongoose';

const {
  MongoBulkWriteError,
  MongoError,
  MongoErrorLabel,
  MongoNetworkError,
  MongoNotConnectedError,
  MongoServerError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
  MongoWriteConcernError,
} = mongoose.mongo;

/**
 * Codes that the driver retries once, as its `error.ts` lists them. The driver does not export the list, and retries no
 * write without a session, no bulk update of many documents and no `getMore`.
 */
export const RETRYABLE_CODES: Readonly<Record<number, string>> = {
  6: 'HostUnreachable',
  7: 'HostNotFound',
  89: 'NetworkTimeout',
  91: 'ShutdownInProgress',
  134: 'ReadConcernMajorityNotAvailableYet',
  189: 'PrimarySteppedDown',
  262: 'ExceededTimeLimit',
  9001: 'SocketException',
  10107: 'NotWritablePrimary',
  11600: 'InterruptedAtShutdown',
  11602: 'InterruptedDueToReplStateChange',
  13435: 'NotPrimaryNoSecondaryOk',
  13436: 'NotPrimaryOrSecondary',
};

/** Codes that the driver does not retry. A later attempt by Evergrant can succeed. */
export const PASSING_CODES: Readonly<Record<number, string>> = {
  // The cursor ended with its primary.
  43: 'CursorNotFound',
  // The read took longer than `maxTimeMS`.
  50: 'MaxTimeMSExpired',
  64: 'WriteConcernTimeout',
  133: 'FailedToSatisfyReadPreference',
  202: 'NetworkInterfaceExceededTimeLimit',
  10058: 'LegacyNotPrimary',
  14031: 'OutOfDiskSpace',
};

/** Labels by which a server or the driver says that the same operation may succeed later. */
const PASSING_LABELS: readonly string[] = [
  MongoErrorLabel.RetryableWriteError,
  MongoErrorLabel.TransientTransactionError,
  MongoErrorLabel.PoolRequestedRetry,
  MongoErrorLabel.RetryableError,
  MongoErrorLabel.SystemOverloadedError,
];

/** Errors without a public class in the driver, and Mongoose's error for a failed connection. */
const NAMES: ReadonlySet<string> = new Set([
  'MongooseServerSelectionError',
  'MongoOperationTimeoutError',
  'MongoPoolClearedError',
  'MongoPoolClosedError',
  'MongoServerClosedError',
  'MongoWaitQueueTimeoutError',
]);

const BROKEN_CONNECTION: ReadonlySet<unknown> = new Set(['EPIPE', 'ECONNRESET']);

/** Whether an error means that MongoDB cannot serve the operation now, rather than that the operation was wrong. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    error instanceof MongoNetworkError ||
    error instanceof MongoServerSelectionError ||
    error instanceof MongoNotConnectedError ||
    error instanceof MongoTopologyClosedError ||
    error instanceof MongoWriteConcernError ||
    (error instanceof MongoBulkWriteError && isBulkUnavailable(error)) ||
    (error instanceof MongoServerError && isPassing(error.code)) ||
    (error instanceof MongoError && PASSING_LABELS.some((label) => error.hasErrorLabel(label))) ||
    NAMES.has(error.name) ||
    // The connection broke during a write, and the driver passed on the socket's error.
    ('syscall' in error && 'code' in error && BROKEN_CONNECTION.has(error.code))
  );
}

/**
 * The driver wraps every failure of a bulk write. It keeps the wrapped error only as `errorResponse`, and a write concern
 * error only in the result, where a duplicate key of another document hides it.
 */
function isBulkUnavailable(error: mongoose.mongo.MongoBulkWriteError): boolean {
  const { errorResponse, result, writeErrors } = error;
  return (
    isDatabaseUnavailable(errorResponse) ||
    result.getWriteConcernError() !== undefined ||
    [writeErrors].flat().some(({ code }) => isPassing(code))
  );
}

function isPassing(code: unknown): boolean {
  return typeof code === 'number' && (code in RETRYABLE_CODES || code in PASSING_CODES);
}
