/**
 * Counts of more documents than a request may examine. A request counts a bounded number itself; beyond it, workers
 * count in the background, for as long as requests ask, and each count says when it was made.
 */
import { type Connection, type Model, type mongo, Schema } from 'mongoose';

/** The kinds of counts. `apps`, `encryption` and `totals` count documents of all organisations. */
type CountKind = 'accounts' | 'apps' | 'attempts' | 'attention' | 'encryption' | 'totals';

export interface CountedSubject {
  kind: CountKind;
  /** `null`: all organisations. */
  organisation: string | null;
}

/** `asOf` says when the documents were counted; `null`: only some of them could be counted so far. */
export interface Counted<T> {
  asOf: Date | null;
  counts: T;
}

/** A worker's counts, and the number of documents that it counted. */
export interface Recount<T> {
  counts: T;
  size: number;
}

/** A subject that a worker counts now, and its last counts. */
export interface ClaimedCount extends CountedSubject {
  last: { asOf: Date; counts: unknown } | null;
}

/** Documents that a request may count itself. More make a request slower than 100 ms on the embedded server. */
export const COUNTED_AT_ONCE_MAX = 2_000;
/** Documents per query of a worker, so that no query nears the time limit of a connection. */
const RANGE_SIZE = 20_000;
/** How long after the last request workers continue to count, in ms. */
const WANTED_MS = 24 * 3600_000;
/** Minimum interval, in ms, between writes that a count is still wanted, so that few requests write. */
const WANTED_RECORDED_EVERY_MS = 10 * 60_000;
/** How long a worker may take, in ms, before another worker counts instead. */
const CLAIMED_MS = 10 * 60_000;
/** A count is repeated after this time, in ms, and after 20 times its duration: it takes at most 5% of the time. */
const REPEATED_MIN_MS = 60_000;
const REPEATED_FOR_ITS_COST = 20;

const countSchema = new Schema(
  {
    _id: { type: String, required: true },
    kind: { type: String, required: true },
    organisation: { type: String, default: null },
    /** When a worker counts next. */
    next_at: { type: Date, required: true },
    /** When MongoDB may remove it (TTL): no request has asked for a day. */
    remove_at: { type: Date, required: true },
    as_of: { type: Date, default: null },
    counts: { type: Schema.Types.Mixed, default: null },
  },
  { collection: 'counts', strictQuery: 'throw', versionKey: false, minimize: false },
);
countSchema.index({ remove_at: 1 }, { expireAfterSeconds: 0, name: 'retention' });
countSchema.index({ next_at: 1 }, { name: 'due' });

/** Read and written by the id, which names the organisation, and claimed by workers. */
interface CountDocument extends CountedSubject {
  _id: string;
  next_at: Date;
  remove_at: Date;
  as_of: Date | null;
  counts: unknown;
}

export class StoredCounts {
  /** Documents that a request may count itself. */
  readonly atOnceMax: number;
  readonly #counts: Model<CountDocument>;

  constructor(connection: Connection, atOnceMax: number) {
    this.atOnceMax = atOnceMax;
    this.#counts = connection.model<CountDocument>(
      'CountOfAnyOrganisation',
      countSchema as unknown as Schema<CountDocument>,
    );
  }

  /**
   * Counts for a request: by `count` if there are few documents, and otherwise the last counts of a worker.
   * @param count counts at most {@link atOnceMax} documents; `complete` is `false` if there are more
   */
  async serve<T>(
    subject: CountedSubject,
    now: Date,
    count: () => Promise<{ counts: T; complete: boolean }>,
  ): Promise<Counted<T>> {
    const stored = await this.#counts
      .findOne({ _id: idOf(subject), remove_at: { $gt: now } })
      .lean<CountDocument>();
    if (stored !== null) await this.#keepWanted(stored, now);
    if (stored?.as_of) return { asOf: stored.as_of, counts: stored.counts as T };
    const { counts, complete } = await count();
    if (complete) return { asOf: now, counts };
    if (stored === null) await this.#want(subject, now);
    return { asOf: null, counts };
  }

  /** Claims the next due count that no other worker computes; `null` if none is due. */
  async claim(now: Date): Promise<ClaimedCount | null> {
    const due = { next_at: { $lte: now }, remove_at: { $gt: now } };
    // Read first, because most calls find none, and a conditional write costs a commit.
    if ((await this.#counts.exists(due)) === null) return null;
    const found = await this.#counts
      .findOneAndUpdate(
        due,
        { $set: { next_at: new Date(now.getTime() + CLAIMED_MS) } },
        { sort: { next_at: 1 } },
      )
      .lean<CountDocument>();
    if (found === null) return null;
    const { kind, organisation, as_of: asOf, counts } = found;
    return { kind, organisation, last: asOf === null ? null : { asOf, counts } };
  }

  /** Stores counts, or removes the subject if it is small enough for requests to count again. */
  async store(
    subject: CountedSubject,
    { counts, size }: Recount<unknown>,
    { asOf, tookMs }: { asOf: Date; tookMs: number },
  ): Promise<void> {
    const _id = idOf(subject);
    if (size <= this.atOnceMax) {
      await this.#counts.deleteOne({ _id });
      return;
    }
    const waitMs = Math.max(REPEATED_MIN_MS, tookMs * REPEATED_FOR_ITS_COST);
    const next_at = new Date(asOf.getTime() + tookMs + waitMs);
    await this.#counts.updateOne({ _id }, { $set: { as_of: asOf, counts, next_at } });
  }

  /** Ends a claim without counts, so that a worker counts again in a minute. */
  async release(subject: CountedSubject, now: Date): Promise<void> {
    const next_at = new Date(now.getTime() + REPEATED_MIN_MS);
    await this.#counts.updateOne({ _id: idOf(subject) }, { $set: { next_at } });
  }

  async #want(subject: CountedSubject, now: Date): Promise<void> {
    const remove_at = new Date(now.getTime() + WANTED_MS);
    const { kind, organisation } = subject;
    await this.#counts.updateOne(
      { _id: idOf(subject) },
      { $set: { kind, organisation, remove_at, next_at: now, as_of: null, counts: null } },
      { upsert: true },
    );
  }

  async #keepWanted({ _id, remove_at }: CountDocument, now: Date): Promise<void> {
    const recordedMs = WANTED_MS - (remove_at.getTime() - now.getTime());
    if (recordedMs < WANTED_RECORDED_EVERY_MS) return;
    await this.#counts.updateOne(
      { _id },
      { $set: { remove_at: new Date(now.getTime() + WANTED_MS) } },
    );
  }
}

function idOf({ kind, organisation }: CountedSubject): string {
  return organisation === null ? kind : `${kind}/${organisation}`;
}

/** Consecutive ranges of ids that cover all matching documents, each with a bounded number of them. */
export async function* idRanges(
  collection: mongo.Collection<{ _id: string }>,
  filter: object,
  signal: AbortSignal | undefined,
): AsyncGenerator<{ $gt?: string; $lte?: string }> {
  let after: { $gt?: string } = {};
  for (;;) {
    signal?.throwIfAborted();
    const [last] = await collection
      .find({ ...filter, ...('$gt' in after ? { _id: after } : {}) }, { projection: { _id: 1 } })
      .sort({ _id: 1 })
      .skip(RANGE_SIZE - 1)
      .limit(1)
      .toArray();
    yield { ...after, ...(last === undefined ? {} : { $lte: last._id }) };
    if (last === undefined) return;
    after = { $gt: last._id };
  }
}
