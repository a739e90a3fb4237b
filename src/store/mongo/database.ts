/** The connection to MongoDB, and the models on it. Nothing is global: each process or test opens its own. */
import mongoose, { type Connection } from 'mongoose';

/** How long an operation waits for a reachable server, in ms. Must be shorter than a claim's lease. */
const SERVER_SELECTION_MS = 5_000;

/** MongoDB's error code for a violated unique index. */
export const DUPLICATE_KEY = 11000;
/** MongoDB's error code for a full disk. */
const OUT_OF_DISK_SPACE = 14031;

const BROKEN_CONNECTION: ReadonlySet<unknown> = new Set(['EPIPE', 'ECONNRESET']);

/** Opens a connection. Writes are journaled by the majority: a refresh token is sent only after a durable claim. */
export async function openDatabase(uri: string): Promise<Connection> {
  return mongoose
    .createConnection(uri, {
      ...(hasDatabaseName(uri) ? {} : { dbName: 'evergrant' }),
      writeConcern: { w: 'majority', journal: true },
      readConcern: { level: 'majority' },
      readPreference: 'primary',
      serverSelectionTimeoutMS: SERVER_SELECTION_MS,
      socketTimeoutMS: 20_000,
      autoIndex: false,
      autoCreate: false,
    })
    .asPromise();
}

/** Whether an error means that MongoDB is unreachable, rather than that the operation was wrong. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    error instanceof mongoose.mongo.MongoNetworkError ||
    error instanceof mongoose.mongo.MongoServerSelectionError ||
    error instanceof mongoose.mongo.MongoNotConnectedError ||
    error instanceof mongoose.mongo.MongoTopologyClosedError ||
    error instanceof mongoose.mongo.MongoWriteConcernError ||
    (error instanceof mongoose.mongo.MongoServerError && error.code === OUT_OF_DISK_SPACE) ||
    (error instanceof mongoose.mongo.MongoError && error.hasErrorLabel('RetryableWriteError')) ||
    error.name === 'MongooseServerSelectionError' ||
    error.name === 'MongoPoolClearedError' ||
    // The connection broke during a write, and the driver passed on the socket's error.
    ('syscall' in error && 'code' in error && BROKEN_CONNECTION.has(error.code)) ||
    // Mongoose buffers operations while it reconnects, and gives up with this error.
    /buffering timed out/.test(error.message)
  );
}

/** Whether a unique index refused a write, because the document exists already. */
export function isDuplicateKey(error: unknown): error is Error {
  return error instanceof mongoose.mongo.MongoServerError && error.code === DUPLICATE_KEY;
}

/** Whether a duplicate-key message is about this index. In bulk errors, servers name the index only in the message. */
export function isOfIndex(message: string | undefined, index: string): boolean {
  return message?.includes(` index: ${index} dup key`) ?? false;
}

function hasDatabaseName(uri: string): boolean {
  return /^mongodb(\+srv)?:\/\/[^/]+\/[^?]+/.test(uri);
}
