/**
 * The indexes that the schemas of a connection need, compared with the indexes that the database has. Missing indexes are
 * built one after the other. Nothing here drops an index.
 */
import type { Connection, mongo } from 'mongoose';
import type { Logger } from 'pino';

export interface IndexName {
  collection: string;
  index: string;
}

interface Definition extends IndexName {
  key: Record<string, mongo.IndexDirection>;
  options: mongo.CreateIndexesOptions;
}

export interface IndexReport {
  present: IndexName[];
  missing: (IndexName & { isUnique: boolean })[];
  /** An index of that name has another definition. Building the right one needs the other one to be dropped first. */
  conflicting: IndexName[];
  /** No query needs these. Each costs memory and slows every write. */
  unneeded: IndexName[];
}

/** The database has indexes that Evergrant cannot use, or lacks indexes that it may not build. */
export class IndexProblem extends Error {
  override name = 'IndexProblem';
}

/** Interval, in ms, of the log lines about an index that is being built. */
const PROGRESS_EVERY_MS = 10_000;
const NAMESPACE_NOT_FOUND = 26;
/** The index that every collection has. */
const OF_ID = '_id_';
/** Members that change what an index refuses or removes. */
const SIGNIFICANT = ['unique', 'sparse', 'expireAfterSeconds', 'partialFilterExpression'] as const;

/** @param connection all models are registered on it */
export async function checkIndexes(connection: Connection): Promise<IndexReport> {
  const report: IndexReport = { present: [], missing: [], conflicting: [], unneeded: [] };
  const wanted = wantedIndexes(connection);
  const collections = [...new Set(wanted.map(({ collection }) => collection))];
  const existing = await Promise.all(
    collections.map(async (name) => [name, await existingIndexes(connection, name)] as const),
  );
  for (const [collection, indexes] of existing) {
    const needed = wanted.filter((one) => one.collection === collection);
    for (const definition of needed) {
      const { index } = definition;
      if (indexes.some((one) => isSame(one, definition)))
        report.present.push({ collection, index });
      else if (indexes.some(({ name }) => name === index))
        report.conflicting.push({ collection, index });
      else report.missing.push({ collection, index, isUnique: definition.options.unique === true });
    }
    for (const one of indexes) {
      const isNeeded = needed.some(
        (definition) => definition.index === one.name || isSame(one, definition),
      );
      if (one.name !== OF_ID && !isNeeded)
        report.unneeded.push({ collection, index: String(one.name) });
    }
  }
  return report;
}

/**
 * Builds the missing indexes. Safe to run in several processes at once: MongoDB joins a second request for an index to
 * the build that is running.
 * @param connection without limits of time
 * @throws {IndexProblem} before anything is built, if an index of the same name has another definition
 */
export async function applyIndexes(
  connection: Connection,
  logger: Pick<Logger, 'debug' | 'info'>,
): Promise<IndexReport> {
  const report = await checkIndexes(connection);
  const [conflict] = report.conflicting;
  if (conflict !== undefined) throw new IndexProblem(conflictText(conflict));
  const wanted = wantedIndexes(connection);
  for (const { collection, index } of report.missing) {
    const definition = wanted.find((one) => one.collection === collection && one.index === index);
    if (definition !== undefined) await build(connection, definition, logger);
  }
  return report;
}

/** How to drop an index that no query needs. */
export function dropCommand({ collection, index }: IndexName): string {
  return `db.getCollection(${JSON.stringify(collection)}).dropIndex(${JSON.stringify(index)})`;
}

export function namesOf(indexes: readonly IndexName[]): string {
  return indexes.map(({ collection, index }) => `${collection}.${index}`).join(', ');
}

function conflictText(conflict: IndexName): string {
  return `MongoDB has an index ${namesOf([conflict])} with another definition, and two indexes cannot have one name. Drop it in mongosh, ${dropCommand(conflict)}, and run: evergrant indexes apply`;
}

async function build(
  connection: Connection,
  { collection, index, key, options }: Definition,
  logger: Pick<Logger, 'debug' | 'info'>,
): Promise<void> {
  const startedAt = performance.now();
  const elapsed = () => ({
    collection,
    index,
    duration_ms: Math.round(performance.now() - startedAt),
  });
  logger.debug({ collection, index }, 'an index is being built');
  // Most indexes are built in an empty collection, which takes milliseconds.
  let isLong = false;
  const timer = setInterval(() => {
    isLong = true;
    void progressOf(connection, collection).then((progress) =>
      logger.info({ ...elapsed(), ...progress }, 'an index is still being built'),
    );
  }, PROGRESS_EVERY_MS);
  try {
    await database(connection)
      .collection(collection)
      .createIndex(key, { ...options, name: index });
  } finally {
    clearInterval(timer);
  }
  logger[isLong ? 'info' : 'debug'](elapsed(), 'an index was built');
}

/** How many documents are indexed, where MongoDB tells. Never rejects: the user may lack the permission. */
async function progressOf(
  connection: Connection,
  collection: string,
): Promise<{ done?: number; total?: number }> {
  try {
    const { inprog } = await database(connection)
      .admin()
      .command({ currentOp: true, $ownOps: true, 'command.createIndexes': collection });
    const progress: unknown = inprog?.[0]?.progress;
    if (typeof progress !== 'object' || progress === null) return {};
    const { done, total } = progress as { done?: unknown; total?: unknown };
    return { done: Number(done), total: Number(total) };
  } catch {
    return {};
  }
}

/** Each collection may have two models, of one organisation and of all, with the same indexes. */
function wantedIndexes(connection: Connection): Definition[] {
  const found = new Map<string, Definition>();
  for (const { schema, collection } of Object.values(connection.models)) {
    for (const [key, { background: _, ...options }] of schema.indexes()) {
      const fields = key as Definition['key'];
      const index = options.name ?? Object.entries(fields).flat().join('_');
      found.set(JSON.stringify([collection.name, index]), {
        collection: collection.name,
        index,
        key: fields,
        options: options as mongo.CreateIndexesOptions,
      });
    }
  }
  return [...found.values()];
}

async function existingIndexes(
  connection: Connection,
  collection: string,
): Promise<mongo.IndexDescriptionInfo[]> {
  try {
    return await database(connection).collection(collection).listIndexes().toArray();
  } catch (error) {
    const isAbsent =
      error instanceof Error && 'code' in error && error.code === NAMESPACE_NOT_FOUND;
    if (isAbsent) return [];
    throw error;
  }
}

function isSame(one: mongo.IndexDescriptionInfo, { key, options }: Definition): boolean {
  const wanted = options as Record<string, unknown>;
  return (
    JSON.stringify(one.key) === JSON.stringify(key) &&
    // `false` means the same as an absent member.
    SIGNIFICANT.every(
      (member) => JSON.stringify(one[member] ?? false) === JSON.stringify(wanted[member] ?? false),
    )
  );
}

function database({ db }: Connection): mongo.Db {
  if (db === undefined) throw new TypeError('the connection is open');
  return db;
}
