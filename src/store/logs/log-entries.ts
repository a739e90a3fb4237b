/** The entries of the terminal. Written by upsert under a deterministic id; MongoDB removes them when they are old. */
import mongoose, { type Connection, type Model, type QueryFilter } from 'mongoose';
import type { AttemptStep } from '../domain/attempt-steps';
import type { LogEntry } from '../domain/log-entry';
import { type LogFilter, TEXT_MEMBERS } from '../domain/log-filter';
import type { PresentedToken } from '../domain/token-comparison';
import { DUPLICATE_KEY } from './database';
import { GroupedUpdates } from './grouped-updates';
import { beyond } from './keyset';
import {
  type EntryDocument,
  entriesOfAllOrganisations,
  logEntryModel,
  toEntry,
} from './log-entry-model';
import { ofOrganisationOrNone } from './organisation-scope';

/** A place in the order by time, and by id within one instant. */
interface Place {
  createdAt: Date;
  id: string;
}

export interface LogQuery extends LogFilter {
  /** Entries older than that one. */
  before?: Place | undefined;
  /** Leave out what is past its retention by then, and only waits to be removed. */
  keptAt?: Date | undefined;
  limit: number;
}

/** A place in the order in which entries were written. */
export interface RecordedPlace {
  at: Date;
  id: string;
}

const DAY_MS = 24 * 3600 * 1000;
/** How many attempts of the accounts on a page are looked at to compare tokens: some for each account. */
const COMPARED_MAX = 1_000;

export class LogEntries {
  readonly #entries: Model<EntryDocument>;
  readonly #ofAll: Model<EntryDocument>;
  readonly #updates: GroupedUpdates<EntryDocument>;
  readonly #retentionMs: number;

  constructor(connection: Connection, retentionDays: number) {
    this.#entries = logEntryModel(connection);
    this.#ofAll = entriesOfAllOrganisations(connection);
    this.#updates = new GroupedUpdates(
      connection.collection<EntryDocument>(this.#ofAll.collection.name),
    );
    this.#retentionMs = retentionDays * DAY_MS;
  }

  /** Writes an entry once, however often it is called: the first write stays. */
  async record(entry: LogEntry): Promise<void> {
    const { id, created_at, ...rest } = entry;
    const createdAt = new Date(created_at);
    try {
      await this.#updates.updateOne({
        // One that was written already does not match, and its id is taken: its `recorded_at` stays, too.
        filter: { _id: id, recorded_at: { $exists: false } },
        update: {
          $setOnInsert: {
            ...rest,
            created_at: createdAt,
            remove_at: new Date(createdAt.getTime() + this.#retentionMs),
          },
          $currentDate: { recorded_at: true },
        },
        upsert: true,
        isIn: () => true,
      });
    } catch (error) {
      const written = error instanceof mongoose.mongo.MongoServerError;
      if (!written || error.code !== DUPLICATE_KEY) throw error;
    }
  }

  /** In place of the steps that were known when the entry was written. */
  async setSteps(id: string, steps: AttemptStep[]): Promise<void> {
    await this.#ofAll.updateOne({ _id: id }, { $set: { steps } });
  }

  /** One entry whatever its organisation: for workers, which serve all of them. */
  async read(id: string): Promise<LogEntry | null> {
    const document = await this.#ofAll.findById(id).lean<EntryDocument>();
    return document === null ? null : toEntry(document);
  }

  /** An entry of the organisation, or of none. */
  async find(organisation: string, id: string): Promise<LogEntry | null> {
    const document = await this.#entries
      .findOne({ _id: id, ...filterOf({ organisation }) })
      .lean<EntryDocument>();
    return document === null ? null : toEntry(document);
  }

  /** Newest first. */
  async list({ before, keptAt, limit, ...filter }: LogQuery): Promise<LogEntry[]> {
    const kept = keptAt === undefined ? {} : { remove_at: mongoose.trusted({ $gt: keptAt }) };
    const documents = await this.#entries
      .find({ ...filterOf(filter), ...beside('$lt', before), ...kept })
      .sort({ created_at: -1, _id: -1 })
      .limit(limit)
      .lean<EntryDocument[]>();
    return documents.map(toEntry);
  }

  /** The entries that came next after a place; newest first, as all lists are. */
  async newerThan(
    after: Place,
    { limit, ...filter }: LogFilter & { limit: number },
  ): Promise<LogEntry[]> {
    const documents = await this.#entries
      .find({ ...filterOf(filter), ...beside('$gt', after) })
      .sort({ created_at: 1, _id: 1 })
      .limit(limit)
      .lean<EntryDocument[]>();
    return documents.map(toEntry).toReversed();
  }

  /** What the accounts of these entries presented, up to the newest of them: enough to compare each with those before. */
  async presentedTokens(
    organisation: string,
    entries: readonly LogEntry[],
  ): Promise<PresentedToken[]> {
    const attempts = entries.filter(({ diagnostics }) => diagnostics?.refresh_token_fingerprint);
    if (attempts.length === 0) return [];
    const accounts = [...new Set(attempts.map(({ account_id }) => account_id))];
    const newest = attempts.reduce((a, b) => (a.created_at < b.created_at ? b : a));
    const documents = await this.#entries
      .find(
        {
          organisation,
          account_id: mongoose.trusted({ $in: accounts }),
          created_at: mongoose.trusted({ $lte: new Date(newest.created_at) }),
        },
        { account_id: 1, created_at: 1, 'diagnostics.refresh_token_fingerprint': 1 },
      )
      .sort({ created_at: -1, _id: -1 })
      .limit(COMPARED_MAX)
      .lean<EntryDocument[]>();
    return documents.flatMap(({ _id, account_id, created_at, diagnostics }) => {
      const fingerprint: unknown = diagnostics?.refresh_token_fingerprint;
      if (typeof fingerprint !== 'string' || typeof account_id !== 'string') return [];
      return [{ entryId: _id, accountId: account_id, at: created_at.toISOString(), fingerprint }];
    });
  }

  /** Where the order of writing ends now; `null`: nothing was written yet. */
  async lastRecorded(): Promise<RecordedPlace | null> {
    const last = await this.#ofAll
      .findOne({ recorded_at: { $ne: null } }, { recorded_at: 1 })
      .sort({ recorded_at: -1, _id: -1 })
      .lean<EntryDocument>();
    return last?.recorded_at ? { at: last.recorded_at, id: last._id } : null;
  }

  /** What was written from a moment on, of all organisations or as wanted, in the order of writing. */
  async recordedSince(at: Date, wanted?: LogFilter): Promise<RecordedPlace[]> {
    const found = await this.#ofAll
      .find(
        { recorded_at: { $gte: at }, ...(wanted === undefined ? {} : filterOf(wanted)) },
        { recorded_at: 1 },
      )
      .lean<EntryDocument[]>();
    // Sorted here: a database may keep fractions of a millisecond, which it does not tell.
    return found
      .flatMap(({ _id, recorded_at }) => (recorded_at ? [{ at: recorded_at, id: _id }] : []))
      .toSorted((a, b) => (isBefore(a, b) ? -1 : 1));
  }

  /** Entries by id, of all organisations: for what hands each to those whose it is. */
  async readAll(ids: readonly string[]): Promise<Map<string, LogEntry>> {
    if (ids.length === 0) return new Map();
    const documents = await this.#ofAll.find({ _id: { $in: ids } }).lean<EntryDocument[]>();
    return new Map(documents.map((document) => [document._id, toEntry(document)]));
  }

  async createIndexes(): Promise<void> {
    await this.#entries.createIndexes();
  }
}

export function isBefore(a: RecordedPlace, b: RecordedPlace): boolean {
  return a.at < b.at || (a.at.getTime() === b.at.getTime() && a.id < b.id);
}

function beside(operator: '$lt' | '$gt', place: Place | undefined): QueryFilter<EntryDocument> {
  if (place === undefined) return {};
  return { $and: [beyond('created_at', operator, { at: place.createdAt, id: place.id })] };
}

/** The same as `isWanted` says of one entry. */
function filterOf(wanted: LogFilter): QueryFilter<EntryDocument> {
  const { organisation, provider, environment, accountId, action, source, text } = wanted;
  const filter: QueryFilter<EntryDocument> = {
    organisation: ofOrganisationOrNone(organisation),
  };
  if (provider !== undefined) filter['provider'] = provider;
  if (environment !== undefined)
    filter['environment'] = mongoose.trusted({ $in: [environment, null] });
  if (accountId !== undefined) filter['account_id'] = accountId;
  if (action !== undefined) filter['action'] = mongoose.trusted({ $in: [action].flat() });
  if (source !== undefined) filter['source'] = source;
  if (text !== undefined) {
    const pattern = mongoose.trusted({
      $regex: text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'),
      $options: 'i',
    });
    filter['$or'] = TEXT_MEMBERS.map((member) => ({ [member]: pattern }));
  }
  return filter;
}
