/**
 * Follows log entries as they are written, for all followers in this process: one query serves all of them, and none
 * runs without followers. Ordered by the database's write time (`recorded_at`).
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { LogEntry } from '../../domain/logs/log-entry';
import { isWanted, type LogFilter } from '../../domain/logs/log-filter';
import { isBefore, type RecordedPlace } from '../../store/logs/log-entries';
import type { Store } from '../../store/store';

const POLL_EVERY_MS = 400;
/** How late, in ms, an entry may become visible after its write time and still be found. */
const OVERLAP_MS = 5_000;
/**
 * How far, in ms, the clock of a new primary may be behind that of the one before. Entries of this time are remembered,
 * because the clock passes it again. If a clock is further behind, followers miss entries until it has caught up.
 */
const CLOCK_BEHIND_MAX_MS = 60_000;
const PAGE = 200;
/** Entries that may wait for a slow follower. Beyond it the follower is dropped, and resumes on reconnect. */
const WAITING_MAX = 5_000;
/** Entries that a follower gets when it resumes. Older entries are left out, because the list has them. */
const RESUMED_MAX = 500;

export interface FollowedEntry {
  entry: LogEntry;
  /**
   * The follower's place after this entry, with which it can resume. While the primary's clock is behind, it is the
   * entry's own place, so that a resume may repeat entries and loses none.
   */
  place: RecordedPlace;
}

interface PolledEntry extends FollowedEntry {
  /** The newest place up to which entries were read with this one. */
  reached: RecordedPlace;
}

interface FollowedBatch {
  /** The newest entry that was left out before this batch; `null` if none was. */
  leftOut: RecordedPlace | null;
  entries: FollowedEntry[];
}

type TailDependencies = { store: Store; logger: Logger };

interface Follower {
  waiting: PolledEntry[];
  wake: () => void;
}

export interface LogTail {
  /** The current end of the write order. A caller that reads a list after this, and follows from here, misses none. */
  end(): Promise<RecordedPlace>;
  /**
   * Matching entries in batches, from a place on; an empty batch after `idleMs` without entries. If more than
   * {@link RESUMED_MAX} were written since that place, it gets the newest of them, and the first batch says so. Ends with
   * the signal, or if the follower is too slow.
   */
  follow(
    filter: LogFilter,
    from: RecordedPlace,
    options: { signal: AbortSignal; idleMs: number },
  ): AsyncGenerator<FollowedBatch>;
}

export function createLogTail(deps: TailDependencies): LogTail {
  const followers = new Set<Follower>();
  const poll = new EntryPoll(deps);
  let running = false;

  /** Runs while there are followers. After a failed query, the next one starts from the same place. */
  async function run(): Promise<void> {
    if (running) return;
    running = true;
    let isReported = false;
    while (followers.size > 0) {
      try {
        const found = await poll.read();
        for (const follower of followers) {
          follower.waiting.push(...found);
          if (found.length > 0) follower.wake();
        }
        isReported = false;
      } catch (error) {
        if (!isReported)
          deps.logger.warn({ err: error }, 'new log entries could not be read; Evergrant retries');
        isReported = true;
      }
      await delay(POLL_EVERY_MS);
    }
    poll.forget();
    running = false;
  }

  return {
    async end() {
      const [end, clock] = await Promise.all([
        running ? poll.start() : endOf(deps),
        deps.store.logEntries.clock(),
      ]);
      return notAfter(end, clock);
    },
    async *follow(filter, from, { signal, idleMs }) {
      const follower: Follower = { waiting: [], wake: () => {} };
      const wake = () => follower.wake();
      signal.addEventListener('abort', wake);
      followers.add(follower);
      void run();
      try {
        // Entries up to the shared query's place come from the database, later ones from the shared query.
        const start = await poll.start();
        const { logEntries } = deps.store;
        // A place from before a change of the primary, whose clock has not reached it yet.
        const clock = await logEntries.clock();
        const after = clock < from.at ? { at: lookBack(from.at, clock), id: '' } : from;
        const sent = new Set<string>([after.id]);
        const { places, leftOut } = isBefore(after, start)
          ? await logEntries.missed(filter, { after, until: start, limit: RESUMED_MAX })
          : { places: [], leftOut: null };
        if (leftOut !== null) yield { leftOut, entries: [] };
        for (const page of pagesOf(places)) {
          if (signal.aborted) return;
          const read = await logEntries.readAll(page.map(({ id }) => id));
          for (const { id } of page) sent.add(id);
          const entries = page.flatMap((place) => {
            const entry = read.get(place.id);
            return entry === undefined ? [] : [{ entry, place }];
          });
          yield { leftOut: null, entries };
        }
        while (!signal.aborted) {
          if (follower.waiting.length === 0) await waitFor(follower, idleMs, signal);
          if (follower.waiting.length > WAITING_MAX) return;
          const entries = follower.waiting
            .splice(0)
            .filter(
              ({ entry, reached }) =>
                isWanted(entry, filter) && !isBefore(reached, after) && !sent.has(entry.id),
            );
          yield { leftOut: null, entries };
        }
      } finally {
        followers.delete(follower);
        signal.removeEventListener('abort', wake);
      }
    },
  };
}

/** The shared query: returns each entry written since the last call once. */
class EntryPoll {
  readonly #deps: TailDependencies;
  #end: Promise<RecordedPlace> | null = null;
  /** Entries of the last minute that were returned already, or existed before the first query. */
  #given = new Map<string, RecordedPlace>();
  /** Entries that the last query saw for the first time. */
  #fresh = new Set<string>();

  constructor(deps: TailDependencies) {
    this.#deps = deps;
  }

  /** The place from which the next query continues; determined on the first call. */
  async start(): Promise<RecordedPlace> {
    this.#end ??= this.#begin();
    try {
      return await this.#end;
    } catch (error) {
      this.#end = null;
      throw error;
    }
  }

  forget(): void {
    this.#end = null;
    this.#given.clear();
    this.#fresh.clear();
  }

  async #begin(): Promise<RecordedPlace> {
    const end = await endOf(this.#deps);
    for (const place of await this.#deps.store.logEntries.recordedSince(rememberedSince(end.at)))
      if (!isBefore(end, place)) this.#given.set(place.id, place);
    return end;
  }

  async read(): Promise<PolledEntry[]> {
    const end = await this.start();
    const clock = await this.#deps.store.logEntries.clock();
    const isBehind = clock < end.at;
    const places = await this.#deps.store.logEntries.recordedSince(lookBack(end.at, clock));
    const unknown = places.filter(({ id }) => !this.#given.has(id));
    // Returns an entry only when a second query has seen it. By then, entries that sort before it are visible, too, so
    // the order is that of the places, except for a writer that is seconds late.
    const settled = unknown.findLastIndex(({ id }) => this.#fresh.has(id)) + 1;
    const due = unknown.slice(0, settled);
    const read = await this.#deps.store.logEntries.readAll(due.map(({ id }) => id));
    this.#fresh = new Set(unknown.slice(settled).map(({ id }) => id));
    const found: PolledEntry[] = [];
    let reached = end;
    for (const place of due) {
      if (isBefore(reached, place)) reached = place;
      this.#given.set(place.id, place);
      const entry = read.get(place.id);
      // A late entry must not move its followers' place back, unless more such entries follow.
      if (entry !== undefined) found.push({ entry, place: isBehind ? place : reached, reached });
    }
    this.#end = Promise.resolve(reached);
    const since = rememberedSince(reached.at);
    for (const [id, { at }] of this.#given) if (at < since) this.#given.delete(id);
    return found;
  }
}

async function endOf({ store }: TailDependencies): Promise<RecordedPlace> {
  return (await store.logEntries.lastRecorded()) ?? { at: new Date(0), id: '' };
}

/** The time from which entries after `end` must be read, if the primary's clock shows `clock`. */
function lookBack(end: Date, clock: Date): Date {
  const from = Math.max(
    Math.min(end.getTime(), clock.getTime()) - OVERLAP_MS,
    rememberedSince(end).getTime(),
  );
  return new Date(from);
}

function rememberedSince(end: Date): Date {
  return new Date(end.getTime() - OVERLAP_MS - CLOCK_BEHIND_MAX_MS);
}

/** The place itself, or the last place of a time before it. */
function notAfter(place: RecordedPlace, time: Date): RecordedPlace {
  return time < place.at ? { at: time, id: '' } : place;
}

function* pagesOf<T>(all: readonly T[]): Generator<T[]> {
  for (let at = 0; at < all.length; at += PAGE) yield all.slice(at, at + PAGE);
}

/** Resolves when an entry waits, the signal is aborted, or the time is over. */
async function waitFor(follower: Follower, ms: number, signal: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    follower.wake = resolve;
    timer = setTimeout(resolve, ms);
    if (signal.aborted || follower.waiting.length > 0) resolve();
  });
  clearTimeout(timer);
  follower.wake = () => {};
}
