/** An organisation's attempts by the hour, counted in the database. */
import type { Connection, Model } from 'mongoose';
import { ATTEMPT_ACTIONS } from '../../domain/logs/log-entry';
import type { Counted, Recount, StoredCounts } from '../mongo/stored-counts';
import { type EntryDocument, logEntryModel } from './log-entry-model';

interface AttemptQuery {
  organisation: string;
  now: Date;
}

/** The outcomes of an interval's attempts, and the provider's response times. */
interface AttemptCounts {
  refreshed: number;
  failed: number;
  /** Response times, to within about 10%; `null` if the provider answered no attempt. */
  p50Ms: number | null;
  p95Ms: number | null;
}

/** The attempts of one hour, which includes `from` and excludes `to`. */
export interface AttemptHour extends AttemptCounts {
  from: Date;
  to: Date;
  /** The failed attempts by the code of their failure; `null` if it was not counted. */
  failures: { code: string | null; count: number }[];
}

const HOUR_MS = 3600_000;
const HOURS = 24;
/** Each query of a worker counts this part of an hour, so that none nears the time limit of a connection. */
const PARTS_OF_HOUR = 6;
/** How long after its end an hour is counted again, in ms. Entries that are written later are not in stored counts. */
const COUNTED_AGAIN_MS = 2 * HOUR_MS;

/** Ratio between histogram buckets of response times. Percentiles cost the same for any count, and are within 10%. */
const MAGNITUDE = 1.2;

export class Statistics {
  readonly #entries: Model<EntryDocument>;
  readonly #stored: StoredCounts;

  constructor(connection: Connection, stored: StoredCounts) {
    this.#entries = logEntryModel(connection);
    this.#stored = stored;
  }

  /**
   * The attempts of the last 24 hours by the hour, from any source; the last hour is the current one. Counted now if the
   * organisation has few entries, and otherwise by a worker some time ago.
   */
  async attempts({ organisation, now }: AttemptQuery): Promise<Counted<AttemptHour[]>> {
    const { atOnceMax } = this.#stored;
    const hours = lastHours(now);
    const counted = await this.#stored.serve<CountedHour[]>(
      { kind: 'attempts', organisation },
      now,
      async () => {
        const groups = await this.#groups(organisation, hours[0], end(hours), atOnceMax + 1);
        const counts = hours.map((from) => ({
          from,
          groups: groups.filter(({ _id }) => _id.hour === from.getTime() / HOUR_MS),
        }));
        return { counts, complete: countOf(groups) <= atOnceMax };
      },
    );
    return { asOf: counted.asOf, counts: hours.map((from) => hourOf(from, counted.counts)) };
  }

  /** Counts the hours that are not over for long, and takes the others from the last counts. */
  async recountAttempts(
    { organisation, now }: AttemptQuery,
    last: { asOf: Date; counts: unknown } | null,
    signal: AbortSignal,
  ): Promise<Recount<CountedHour[]>> {
    const counts: CountedHour[] = [];
    for (const from of lastHours(now)) {
      signal.throwIfAborted();
      const known = (last?.counts as CountedHour[] | undefined)?.find(
        (hour) => hour.from.getTime() === from.getTime(),
      );
      const isFinal =
        last !== null && last.asOf.getTime() >= from.getTime() + HOUR_MS + COUNTED_AGAIN_MS;
      // oxlint-disable-next-line no-await-in-loop -- one hour at a time keeps the load on MongoDB low
      counts.push(isFinal && known ? known : await this.#countHour(organisation, from));
    }
    return { counts, size: countOf(counts.flatMap(({ groups }) => groups)) };
  }

  async #countHour(organisation: string, from: Date): Promise<CountedHour> {
    const partMs = HOUR_MS / PARTS_OF_HOUR;
    const found: AttemptGroup[] = [];
    for (let part = 0; part < PARTS_OF_HOUR; part += 1) {
      const start = new Date(from.getTime() + part * partMs);
      // oxlint-disable-next-line no-await-in-loop -- as above
      found.push(...(await this.#groups(organisation, start, new Date(start.getTime() + partMs))));
    }
    return { from, groups: merged(found) };
  }

  /** Counts the organisation's entries of a time, the newest `limit` of them if it is given. */
  async #groups(
    organisation: string,
    from: Date | undefined,
    to: Date | undefined,
    limit?: number,
  ): Promise<AttemptGroup[]> {
    return this.#entries.aggregate<AttemptGroup>([
      { $match: { organisation, created_at: { $gte: from, $lt: to } } },
      ...(limit === undefined ? [] : [{ $limit: limit }]),
      {
        $group: {
          _id: {
            hour: { $floor: { $divide: [{ $subtract: ['$created_at', EPOCH] }, HOUR_MS] } },
            attempt: { $in: ['$action', [...ATTEMPT_ACTIONS]] },
            failed: { $ne: [{ $ifNull: ['$error', null] }, null] },
            magnitude: magnitudeOf('$response.duration_ms'),
            code: { $ifNull: ['$error.code', null] },
          },
          count: ONE,
        },
      },
    ]);
  }

  /** The number of logged attempts per run of a refresh workflow. */
  async attemptsByRun(query: {
    organisation: string;
    accountIds: readonly string[];
    runIds: readonly string[];
    /** When the first of the runs began. */
    since: Date;
  }): Promise<Map<string, number>> {
    const groups = await this.#entries.aggregate<{ _id: string; count: number }>([
      {
        $match: {
          organisation: query.organisation,
          account_id: { $in: [...query.accountIds] },
          created_at: { $gte: query.since },
          run_id: { $in: [...query.runIds] },
          action: { $in: [...ATTEMPT_ACTIONS] },
        },
      },
      { $group: { _id: '$run_id', count: ONE } },
    ]);
    return new Map(groups.map(({ _id, count }) => [_id, count]));
  }
}

interface AttemptGroup {
  /** `hour` since 1970; `attempt` is `false` for other entries; `magnitude` is `null` if the provider did not answer. */
  _id: {
    hour: number;
    attempt: boolean;
    failed: boolean;
    magnitude: number | null;
    /** Absent in counts that an older version stored. */
    code?: string | null;
  };
  count: number;
}

/** All entries of an hour. */
interface CountedHour {
  from: Date;
  groups: AttemptGroup[];
}

const EPOCH = new Date(0);
const ONE = { $sum: 1 };

function magnitudeOf(durationMs: string): object {
  const atLeastOne = { $cond: [{ $lt: [durationMs, 1] }, 1, durationMs] };
  return {
    $cond: [
      { $ne: [{ $ifNull: [durationMs, null] }, null] },
      { $floor: { $divide: [{ $ln: atLeastOne }, Math.log(MAGNITUDE)] } },
      null,
    ],
  };
}

/** The starts of the last hours; the last is the current hour. */
function lastHours(now: Date): Date[] {
  const thisHour = Math.floor(now.getTime() / HOUR_MS);
  return Array.from(
    { length: HOURS },
    (_, hour) => new Date((thisHour + 1 - HOURS + hour) * HOUR_MS),
  );
}

function end(hours: readonly Date[]): Date {
  return new Date((hours.at(-1)?.getTime() ?? 0) + HOUR_MS);
}

function hourOf(from: Date, counted: readonly CountedHour[]): AttemptHour {
  const found = counted.find((hour) => hour.from.getTime() === from.getTime());
  const attempts = found?.groups.filter(({ _id }) => _id.attempt) ?? [];
  return {
    from,
    to: new Date(from.getTime() + HOUR_MS),
    refreshed: countOf(attempts.filter(({ _id }) => !_id.failed)),
    failed: countOf(attempts.filter(({ _id }) => _id.failed)),
    failures: failuresOf(attempts),
    p50Ms: percentile(attempts, 0.5),
    p95Ms: percentile(attempts, 0.95),
  };
}

/** Adds up groups with the same members. */
function merged(groups: readonly AttemptGroup[]): AttemptGroup[] {
  const sums = new Map<string, AttemptGroup>();
  for (const { _id, count } of groups) {
    const key = JSON.stringify(_id);
    sums.set(key, { _id, count: (sums.get(key)?.count ?? 0) + count });
  }
  return [...sums.values()];
}

function failuresOf(attempts: readonly AttemptGroup[]): AttemptHour['failures'] {
  const counts = new Map<string | null, number>();
  for (const { _id, count } of attempts) {
    const { code = null } = _id;
    if (_id.failed) counts.set(code, (counts.get(code) ?? 0) + count);
  }
  return [...counts].map(([code, count]) => ({ code, count }));
}

function countOf(groups: readonly AttemptGroup[]): number {
  return groups.reduce((all, { count }) => all + count, 0);
}

/** The middle of the bucket in which the given fraction of the durations is reached. */
function percentile(groups: readonly AttemptGroup[], part: number): number | null {
  const answered = groups
    .flatMap(({ _id: { magnitude }, count }) => (magnitude === null ? [] : [{ magnitude, count }]))
    .toSorted((a, b) => a.magnitude - b.magnitude);
  let left = part * answered.reduce((all, { count }) => all + count, 0);
  for (const { magnitude, count } of answered) {
    left -= count;
    if (left <= 0) return Math.round(MAGNITUDE ** (magnitude + 0.5));
  }
  return null;
}
