/** The connection to MongoDB, and the models on it. Nothing is global: each process or test opens its own. */
import mongoose, { type Connection } from 'mongoose';

/** How long an operation waits for a reachable server, in ms. Must be shorter than a claim's lease. */
const SERVER_SELECTION_MS = 5_000;

/** MongoDB's error code for a violated unique index. */
export const DUPLICATE_KEY = 11000;

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
      // The driver alone waits for a server; a queue of Mongoose's would end the wait earlier.
      bufferCommands: false,
      autoIndex: false,
      autoCreate: false,
    })
    .asPromise();
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
