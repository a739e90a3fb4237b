/** The connection to MongoDB, and the models on it. Nothing is global: each process or test opens its own. */
import { ConnectionString } from 'mongodb-connection-string-url';
import mongoose, { type Connection, type mongo, type QueryOptions } from 'mongoose';
import { databaseOf } from './connection-string';

/**
 * How long an operation waits for a reachable primary, in ms: longer than an election, which takes up to 12 s with
 * MongoDB's defaults, and shorter than a claim's lease of 30 s.
 */
const SERVER_SELECTION_MS = 15_000;
/** How long a connection may stay silent during an operation, in ms; then it counts as broken. */
const SOCKET_MS = 20_000;
/**
 * How long MongoDB may work on a read, in ms. Shorter than {@link SOCKET_MS}, so that MongoDB ends the work itself, and
 * a repeated read does not add to it.
 */
export const READ_MAX_MS = 15_000;
/**
 * How long MongoDB waits for a majority to confirm a write, in ms; then the outcome of the write is uncertain. Without a
 * limit, a set with an arbiter and one lost member waits for ever. Shorter than {@link SOCKET_MS}.
 */
const MAJORITY_WAIT_MS = 15_000;

/** MongoDB's error code for a violated unique index. */
export const DUPLICATE_KEY = 11000;

/** The read preference of the URI, for lists; every other read needs the primary. */
const LIST_READS = new WeakMap<Connection, mongo.ReadPreference>();

/** Options of the URI that apply to lists only. */
const LIST_OPTIONS = ['readPreference', 'readPreferenceTags', 'maxStalenessSeconds'] as const;

/**
 * Opens a connection. Options of the URI replace ours, except that every write is journaled by at least a majority and
 * every read returns what a majority has: a refresh token is sent only after a durable claim.
 * @param limits `none` for work that may take hours, such as building an index; default: all of them
 */
export async function openDatabase(
  uri: string,
  { limits = 'all' }: { limits?: 'all' | 'none' } = {},
): Promise<Connection> {
  const given = new ConnectionString(uri).searchParams;
  const unlessGiven = (name: string, value: number) => (given.has(name) ? {} : { [name]: value });
  const isLimited = limits === 'all';
  const { readPreference } = new mongoose.mongo.MongoClient(uri);
  const connection = await mongoose
    .createConnection(withoutListOptions(uri), {
      dbName: databaseOf(uri),
      ...unlessGiven('serverSelectionTimeoutMS', SERVER_SELECTION_MS),
      ...(isLimited
        ? {
            ...unlessGiven('socketTimeoutMS', SOCKET_MS),
            ...unlessGiven('wtimeoutMS', MAJORITY_WAIT_MS),
          }
        : { socketTimeoutMS: 0, wtimeoutMS: 0 }),
      // Single options, because `writeConcern` and `readConcern` would give way to `journal` and `readConcernLevel`.
      w: 'majority',
      journal: true,
      readConcernLevel: 'majority',
      readPreference: 'primary',
      // The driver alone waits for a server; a queue of Mongoose's would end the wait earlier.
      bufferCommands: false,
      autoIndex: false,
      autoCreate: false,
    })
    .asPromise();
  if (isLimited)
    setCollectionDefaults(connection, await strongerWriteConcern(connection, given.get('w')));
  LIST_READS.set(connection, readPreference);
  return connection;
}

/**
 * The `w` of the URI if it asks for more than a majority: the name of a custom write concern, or more members than a
 * majority of the visible ones. `null` otherwise: a server without a replica set refuses such a write.
 */
async function strongerWriteConcern(
  { db }: Connection,
  w: string | null,
): Promise<string | number | null> {
  if (db === undefined || w === null || w === 'majority') return null;
  const server = await db.command({ isMaster: 1 });
  if (server['setName'] === undefined) return null;
  const count = Number(w);
  if (!Number.isInteger(count)) return w;
  const members = [server['hosts'], server['passives'], server['arbiters']].flatMap(
    (some) => some ?? [],
  );
  return count > Math.floor(members.length / 2) + 1 ? count : null;
}

/** Query options of lists: they are read at the primary, unless the URI says otherwise. */
export function listOptions(connection: Connection): QueryOptions {
  const readPreference = LIST_READS.get(connection) ?? mongoose.mongo.ReadPreference.primary;
  // Mongoose passes on the object, with its tags and its staleness; its types know the mode alone.
  return { readPreference: readPreference as unknown as mongo.ReadPreferenceMode };
}

/**
 * Gives every read `maxTimeMS`, and every write `w` unless it is `null`. Mongoose's models and `connection.collection`
 * all use collections of this database.
 */
function setCollectionDefaults(connection: Connection, w: string | number | null): void {
  const { db } = connection;
  if (db === undefined) throw new TypeError('the connection is open');
  const collectionOf = db.collection.bind(db);
  const { wtimeoutMS, journal } = db.writeConcern ?? {};
  const ofWrites =
    w === null
      ? {}
      : { writeConcern: new mongoose.mongo.WriteConcern(w as mongo.W, wtimeoutMS, journal) };
  db.collection = ((name: string, options?: mongo.CollectionOptions) =>
    limited(collectionOf(name, { ...ofWrites, ...options }))) as typeof db.collection;
}

function within(options: object | undefined): object {
  return { maxTimeMS: READ_MAX_MS, ...options };
}

function limited(collection: mongo.Collection): mongo.Collection {
  const { prototype } = mongoose.mongo.Collection;
  return Object.assign(collection, {
    find: (filter: object = {}, options?: object) =>
      prototype.find.call(collection, filter, within(options)),
    findOne: (filter: object = {}, options?: object) =>
      prototype.findOne.call(collection, filter, within(options)),
    aggregate: (pipeline: object[] = [], options?: object) =>
      prototype.aggregate.call(collection, pipeline, within(options)),
    countDocuments: (filter: object = {}, options?: object) =>
      prototype.countDocuments.call(collection, filter, within(options)),
    estimatedDocumentCount: (options?: object) =>
      prototype.estimatedDocumentCount.call(collection, within(options)),
    distinct: (key: string, filter: object = {}, options?: object) =>
      prototype.distinct.call(collection, key, filter, within(options)),
  });
}

/** Whether a unique index refused a write, because the document exists already. */
export function isDuplicateKey(error: unknown): error is Error {
  return error instanceof mongoose.mongo.MongoServerError && error.code === DUPLICATE_KEY;
}

/** Whether a duplicate-key message is about this index. In bulk errors, servers name the index only in the message. */
export function isOfIndex(message: string | undefined, index: string): boolean {
  return message?.includes(` index: ${index} dup key`) ?? false;
}

function withoutListOptions(uri: string): string {
  const kept = new ConnectionString(uri);
  for (const name of LIST_OPTIONS) kept.searchParams.delete(name);
  return kept.href;
}
