/** The log entries of the terminal. Written by upsert under a deterministic id; MongoDB removes expired entries. */
import mongoose, {
  type Connection,
  type Model,
  type QueryFilter,
  type QueryOptions,
} from 'mongoose';
import type { PresentedToken } from '../../domain/account/token-comparison';
import type { LogEntry } from '../../domain/logs/log-entry';
import { type LogFilter, TEXT_MEMBERS } from '../../domain/logs/log-filter';
import type { AttemptStep } from '../../domain/refresh/attempt-steps';
import { GroupedUpdates } from '../mongo/batched-updates';
import { DUPLICATE_KEY, listOptions } from '../mongo/database';
import { beyond } from '../mongo/keyset';
import { ofOrganisationOrNone } from '../mongo/organisation-scope';
import { type Found, readStretches, SEARCH_MS, STRETCH } from '../mongo/search';
import {
  type EntryDocument,
  entriesOfAllOrganisations,
  logEntryModel,
  toEntry,
} from './log-entry-model';

/** A place in the order by time, then by id. */
interface Place {
  createdAt: Date;
  id: string;
}

export interface LogQuery extends LogFilter {
  /** Only entries older than this place. */
  before?: Place | undefined;
  /** Excludes entries whose retention has expired by this time but which MongoDB has not removed yet. */
  keptAt?: Date | undefined;
  limit: number;
}

/** A place in the order in which entries were written. */
export interface RecordedPlace {
  at: Date;
  id: string;
}

/** Entries written between two places. */
interface MissedEntries {
  /** In the order of writing. */
  places: RecordedPlace[];
  /** The newest place before these entries that was left out; `null` if none was. */
  leftOut: RecordedPlace | null;
}

/** The organisation's entries that one query for missed entries may examine for a filter. */
const MISSED_EXAMINED_MAX = 5_000;
const DAY_MS = 24 * 3600 * 1000;
/** The latest time that a `Date` can have. */
const LATEST = new Date(8.64e15);
/** Attempts read to compare the tokens of a page's accounts; a few per account. */
const COMPARED_MAX = 1_000;

export class LogEntries {
  readonly #entries: Model<EntryDocument>;
  readonly #ofAll: Model<EntryDocument>;
  readonly #updates: GroupedUpdates<EntryDocument>;
  readonly #listOptions: QueryOptions;
  readonly #retentionMs: number;

  constructor(connection: Connection, retentionDays: number) {
    this.#entries = logEntryModel(connection);
    this.#ofAll = entriesOfAllOrganisations(connection);
    this.#updates = new GroupedUpdates(
      connection.collection<EntryDocument>(this.#ofAll.collection.name),
    );
    this.#listOptions = listOptions(connection);
    this.#retentionMs = retentionDays * DAY_MS;
  }

  /** Writes an entry once; later calls with the same id change nothing. */
  async record(entry: LogEntry): Promise<void> {
    const { id, created_at, ...rest } = entry;
    const createdAt = new Date(created_at);
    try {
      await this.#updates.updateOne({
        // An entry that exists does not match, and the upsert fails on its id, so its `recorded_at` does not change.
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

  /** Replaces the steps of an entry. */
  async setSteps(id: string, steps: AttemptStep[]): Promise<void> {
    await this.#ofAll.updateOne({ _id: id }, { $set: { steps } });
  }

  /** Reads by id across organisations, for workers. */
  async read(id: string): Promise<LogEntry | null> {
    const document = await this.#ofAll.findById(id).lean<EntryDocument>();
    return document === null ? null : toEntry(document);
  }

  /** Finds an entry of the organisation, or one that belongs to no organisation. */
  async find(organisation: string, id: string): Promise<LogEntry | null> {
    const document = await this.#entries
      .findOne({ _id: id, ...filterOf({ organisation }) })
      .lean<EntryDocument>();
    return document === null ? null : toEntry(document);
  }

  /** The newest entries before a place. A search for a rare text reads all of them. */
  async list(query: LogQuery): Promise<LogEntry[]> {
    return (await this.page(query, Number.POSITIVE_INFINITY)).rows;
  }

  /** As `list`, but a search for a text ends after `searchMs`, at the end of a stretch. */
  async page(
    { before, keptAt, limit, ...filter }: LogQuery,
    searchMs = SEARCH_MS,
  ): Promise<Found<LogEntry, Place>> {
    const kept = keptAt === undefined ? {} : { remove_at: mongoose.trusted({ $gt: keptAt }) };
    return readStretches<LogEntry, Place>({
      after: before,
      limit,
      until: performance.now() + searchMs,
      endOf: async (place) =>
        filter.text === undefined ? undefined : this.#stretchEnd(filter, place),
      rowsOf: async ({ after, upTo, limit: most }) => {
        const documents = await this.#entries
          .find({ ...filterOf(filter), ...between(after, upTo), ...kept }, null, this.#listOptions)
          .sort({ created_at: -1, _id: -1 })
          .limit(most)
          .lean<EntryDocument[]>();
        return documents.map(toEntry);
      },
    });
  }

  /** The place of the oldest entry of a stretch; `undefined`: fewer entries follow. */
  async #stretchEnd(filter: LogFilter, before: Place | undefined): Promise<Place | undefined> {
    const [last] = await this.#entries
      .find(
        { ...filterOf({ ...filter, text: undefined }), ...between(before, undefined) },
        { created_at: 1 },
        this.#listOptions,
      )
      .sort({ created_at: -1, _id: -1 })
      .skip(STRETCH - 1)
      .limit(1)
      .lean<EntryDocument[]>();
    return last && { createdAt: last.created_at, id: last._id };
  }

  /** The number of matching entries, counted up to `max`. */
  async count(wanted: LogFilter, max: number): Promise<number> {
    return this.#entries.countDocuments(filterOf(wanted), { limit: max });
  }

  /** The entries right after a place; newest first, as in all lists. */
  async newerThan(
    after: Place,
    { limit, ...filter }: LogFilter & { limit: number },
  ): Promise<LogEntry[]> {
    const documents = await this.#entries
      .find({ ...filterOf(filter), $and: [beside('$gt', after)] }, null, this.#listOptions)
      .sort({ created_at: 1, _id: 1 })
      .limit(limit)
      .lean<EntryDocument[]>();
    return documents.map(toEntry).toReversed();
  }

  /** The refresh token fingerprints that these entries' accounts presented, up to the newest of these entries. */
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
        {
          account_id: 1,
          created_at: 1,
          outcome: 1,
          'diagnostics.refresh_token_fingerprint': 1,
          'diagnostics.submitted_grant': 1,
        },
      )
      .sort({ created_at: -1, _id: -1 })
      .limit(COMPARED_MAX)
      .lean<EntryDocument[]>();
    return documents.flatMap(({ _id, account_id, created_at, outcome, diagnostics }) => {
      // A candidate that was not accepted does not interrupt the sequence of the current grant.
      if (diagnostics?.submitted_grant !== undefined && outcome !== 'ok') return [];
      const fingerprint: unknown = diagnostics?.refresh_token_fingerprint;
      if (typeof fingerprint !== 'string' || typeof account_id !== 'string') return [];
      return [{ entryId: _id, accountId: account_id, at: created_at.toISOString(), fingerprint }];
    });
  }

  /** The last place in the order of writing; `null` if there are no entries. */
  async lastRecorded(): Promise<RecordedPlace | null> {
    const last = await this.#ofAll
      .findOne({ recorded_at: { $ne: null } }, { recorded_at: 1 })
      .sort({ recorded_at: -1, _id: -1 })
      .lean<EntryDocument>();
    return last?.recorded_at ? { at: last.recorded_at, id: last._id } : null;
  }

  /** The present time of the clock that gives entries their `recorded_at`: that of MongoDB's primary. */
  async clock(): Promise<Date> {
    const { db } = this.#ofAll;
    const { localTime } = (await db.db?.command({ isMaster: 1 })) ?? {};
    // DocumentDB sends the milliseconds since 1970. A server without a clock to compare counts as never behind.
    const isTime = localTime instanceof Date || typeof localTime === 'number';
    return isTime ? new Date(localTime) : LATEST;
  }

  /** Entries written at or after a time, across organisations, in the order of writing. */
  async recordedSince(at: Date): Promise<RecordedPlace[]> {
    const found = await this.#ofAll
      .find({ recorded_at: { $gte: at } }, { recorded_at: 1 })
      .lean<EntryDocument[]>();
    return inOrder(found);
  }

  /**
   * The newest matching entries that were written after a place, up to another. Returns at most `limit`, and examines at
   * most {@link MISSED_EXAMINED_MAX} entries of the organisation, so older entries may be left out unexamined.
   */
  async missed(
    wanted: LogFilter,
    { after, until, limit }: { after: RecordedPlace; until: RecordedPlace; limit: number },
  ): Promise<MissedEntries> {
    const organisation = ofOrganisationOrNone(wanted.organisation);
    // The database may order by fractions of a millisecond that it does not return.
    const end = new Date(until.at.getTime() + 1);
    const newest = (filter: QueryFilter<EntryDocument>, from: RecordedPlace) =>
      this.#entries
        .find(
          { ...filter, recorded_at: mongoose.trusted({ $gte: from.at, $lt: end }) },
          { recorded_at: 1 },
        )
        .sort({ recorded_at: -1, _id: -1 });
    const [beyondBound] = inOrder(
      await newest({ organisation }, after).skip(MISSED_EXAMINED_MAX).limit(1).lean(),
    );
    const unexamined =
      beyondBound !== undefined && isBefore(after, beyondBound) ? beyondBound : null;
    const from = unexamined ?? after;
    const found = await newest(filterOf(wanted), from)
      .limit(limit + 1)
      .lean<EntryDocument[]>();
    const places = inOrder(found).filter(
      (place) => isBefore(from, place) && !isBefore(until, place),
    );
    const leftOut = places.length > limit ? places.at(-limit - 1) : undefined;
    return { places: places.slice(-limit), leftOut: leftOut ?? unexamined };
  }

  /** Reads entries by id across organisations; the caller must deliver each only to its organisation. */
  async readAll(ids: readonly string[]): Promise<Map<string, LogEntry>> {
    if (ids.length === 0) return new Map();
    const documents = await this.#ofAll.find({ _id: { $in: ids } }).lean<EntryDocument[]>();
    return new Map(documents.map((document) => [document._id, toEntry(document)]));
  }
}

/** Sorts by what was read, because the database may sort by fractions of a millisecond that it does not return. */
function inOrder(
  documents: readonly Pick<EntryDocument, '_id' | 'recorded_at'>[],
): RecordedPlace[] {
  return documents
    .flatMap(({ _id, recorded_at }) => (recorded_at ? [{ at: recorded_at, id: _id }] : []))
    .toSorted((a, b) => (isBefore(a, b) ? -1 : 1));
}

export function isBefore(a: RecordedPlace, b: RecordedPlace): boolean {
  return a.at < b.at || (a.at.getTime() === b.at.getTime() && a.id < b.id);
}

/** A filter for the entries older or newer than a place. */
function beside(operator: '$lt' | '$gt', place: Place): QueryFilter<EntryDocument> {
  return beyond('created_at', operator, { at: place.createdAt, id: place.id });
}

/** A filter for the entries before a place, back to another and with it. */
function between(before: Place | undefined, backTo: Place | undefined): QueryFilter<EntryDocument> {
  const and: QueryFilter<EntryDocument>[] = [
    ...(before === undefined ? [] : [beside('$lt', before)]),
    ...(backTo === undefined
      ? []
      : [
          {
            // This repeats the `$or`, from which MongoDB derives no bound of the index scan.
            created_at: mongoose.trusted({ $gte: backTo.createdAt }),
            $or: [beside('$gt', backTo), { _id: backTo.id }],
          },
        ]),
  ];
  return and.length === 0 ? {} : { $and: and };
}

/** Must match the same entries as `isWanted`. */
function filterOf(wanted: LogFilter): QueryFilter<EntryDocument> {
  const { organisation, provider, environment, accountId, traceId, action, source, text } = wanted;
  const { result, code, from, to } = wanted;
  const filter: QueryFilter<EntryDocument> = {
    organisation: ofOrganisationOrNone(organisation),
  };
  if (provider !== undefined) filter['provider'] = mongoose.trusted({ $in: [provider].flat() });
  if (environment !== undefined)
    filter['environment'] = mongoose.trusted({ $in: [...[environment].flat(), null] });
  if (accountId !== undefined) filter['account_id'] = accountId;
  if (traceId !== undefined) filter['trace_id'] = traceId;
  if (action !== undefined) filter['action'] = mongoose.trusted({ $in: [action].flat() });
  if (source !== undefined) filter['source'] = mongoose.trusted({ $in: [source].flat() });
  // The partial index of failures holds the entries whose error has a code.
  if (result !== undefined)
    filter['error.code'] = mongoose.trusted({ $exists: result === 'failed' });
  if (code !== undefined) filter['error.code'] = mongoose.trusted({ $in: [...code] });
  if (from !== undefined || to !== undefined)
    filter['created_at'] = mongoose.trusted({
      ...(from === undefined ? {} : { $gte: from }),
      ...(to === undefined ? {} : { $lt: to }),
    });
  if (text !== undefined) {
    const pattern = mongoose.trusted({
      $regex: text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'),
      $options: 'i',
    });
    filter['$or'] = TEXT_MEMBERS.map((member) => ({ [member]: pattern }));
  }
  return filter;
}
