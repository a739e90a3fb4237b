/** The connection to MongoDB, and the models on it. Nothing global: each process or test has its own. */
import mongoose, { type Connection } from 'mongoose';

/** How long an operation looks for a server before it fails. Shorter than a claim's lease. */
const SERVER_SELECTION_MS = 5_000;

/** MongoDB's code for a unique index that is violated. */
export const DUPLICATE_KEY = 11000;
/** Its code for a disk that is full. */
const OUT_OF_DISK_SPACE = 14031;

const BROKEN_CONNECTION: ReadonlySet<unknown> = new Set(['EPIPE', 'ECONNRESET']);

/** Opens a connection. Writes are acknowledged by the majority and journaled: a refresh token is spent on them. */
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

/** Whether an error says that the database is away, rather than that something asked of it was wrong. */
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
    // A connection that breaks in the middle of a write: the driver hands on what the socket said.
    ('syscall' in error && 'code' in error && BROKEN_CONNECTION.has(error.code)) ||
    // Mongoose holds operations back while it reconnects, and gives up with this one.
    /buffering timed out/.test(error.message)
  );
}

/** Whether a unique index refused a write: what was to be written is there already. */
export function isDuplicateKey(error: unknown): boolean {
  return error instanceof mongoose.mongo.MongoServerError && error.code === DUPLICATE_KEY;
}

function hasDatabaseName(uri: string): boolean {
  return /^mongodb(\+srv)?:\/\/[^/]+\/[^?]+/.test(uri);
}
