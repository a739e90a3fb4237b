/**
 * Log entries as they are written, for all who follow them in this process: one look at the database for all of them,
 * and none while nobody follows. The order is that of writing, by the database's clock (`recorded_at`).
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { LogEntry } from '../domain/log-entry';
import { isWanted, type LogFilter } from '../domain/log-filter';
import { isBefore, type RecordedPlace } from '../store/log-entries';
import type { ApiDependencies } from './dependencies';

const LOOK_EVERY_MS = 400;
/** What becomes visible this much later than its place in the order says is still found. */
const OVERLAP_MS = 5_000;
const PAGE = 200;
/** Who reads so slowly that more than this waits is let go, and reads on from the database when it comes back. */
const WAITING_MAX = 5_000;

export interface FollowedEntry {
  entry: LogEntry;
  /** Where the follower is after this entry: what it gives to go on from there. */
  place: RecordedPlace;
}

type TailDependencies = Pick<ApiDependencies, 'store' | 'logger'>;

interface Follower {
  waiting: FollowedEntry[];
  wake: () => void;
}

export interface LogTail {
  /** Where the order of writing ends now. Who reads a list after asking, and follows from here, misses nothing. */
  end(): Promise<RecordedPlace>;
  /**
   * The entries wanted, in batches, from a place on; an empty batch where none came for `idleMs`. Ends with the signal,
   * or where the follower is too slow.
   */
  follow(
    filter: LogFilter,
    from: RecordedPlace,
    options: { signal: AbortSignal; idleMs: number },
  ): AsyncGenerator<FollowedEntry[]>;
}

export function createLogTail(deps: TailDependencies): LogTail {
  const followers = new Set<Follower>();
  const looks = new Looks(deps);
  let running = false;

  /** Runs while somebody follows. A look that fails is made up for by the next: it begins where the last one ended. */
  async function run(): Promise<void> {
    if (running) return;
    running = true;
    let told = false;
    while (followers.size > 0) {
      try {
        const found = await looks.look();
        for (const follower of followers) {
          follower.waiting.push(...found);
          if (found.length > 0) follower.wake();
        }
        told = false;
      } catch (error) {
        if (!told) deps.logger.warn({ err: error }, 'log entries cannot be followed; trying again');
        told = true;
      }
      await delay(LOOK_EVERY_MS);
    }
    looks.forget();
    running = false;
  }

  /** What was written between two places. */
  async function missed(
    filter: LogFilter,
    from: RecordedPlace,
    until: RecordedPlace,
  ): Promise<RecordedPlace[]> {
    if (!isBefore(from, until)) return [];
    const places = await deps.store.logEntries.recordedSince(from.at, filter);
    return places.filter((place) => isBefore(from, place) && !isBefore(until, place));
  }

  return {
    end: () => (running ? looks.start() : endOf(deps)),
    async *follow(filter, from, { signal, idleMs }) {
      const follower: Follower = { waiting: [], wake: () => {} };
      const wake = () => follower.wake();
      signal.addEventListener('abort', wake);
      followers.add(follower);
      void run();
      try {
        // What was written by now comes from the database, up to where the common look stands; the rest from that.
        const start = await looks.start();
        const sent = new Set<string>([from.id]);
        for (const places of pagesOf(await missed(filter, from, start))) {
          if (signal.aborted) return;
          const read = await deps.store.logEntries.readAll(places.map(({ id }) => id));
          for (const { id } of places) sent.add(id);
          yield places.flatMap((place) => {
            const entry = read.get(place.id);
            return entry === undefined ? [] : [{ entry, place }];
          });
        }
        while (!signal.aborted) {
          if (follower.waiting.length === 0) await waitFor(follower, idleMs, signal);
          if (follower.waiting.length > WAITING_MAX) return;
          yield follower.waiting
            .splice(0)
            .filter(
              ({ entry, place }) =>
                isWanted(entry, filter) && !isBefore(place, from) && !sent.has(entry.id),
            );
        }
      } finally {
        followers.delete(follower);
        signal.removeEventListener('abort', wake);
      }
    },
  };
}

/** The looks at the database: each gives what was written since the last one, once. */
class Looks {
  readonly #deps: TailDependencies;
  #end: Promise<RecordedPlace> | null = null;
  /** Given already or there before the first look; of the time of the overlap. */
  #given = new Map<string, RecordedPlace>();
  /** Seen in the last look for the first time. */
  #fresh = new Set<string>();

  constructor(deps: TailDependencies) {
    this.#deps = deps;
  }

  /** Where the order stands that the next look goes on from; found on the first call. */
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
    for (const place of await this.#deps.store.logEntries.recordedSince(overlapBefore(end)))
      if (!isBefore(end, place)) this.#given.set(place.id, place);
    return end;
  }

  async look(): Promise<FollowedEntry[]> {
    const end = await this.start();
    const places = await this.#deps.store.logEntries.recordedSince(overlapBefore(end));
    const unknown = places.filter(({ id }) => !this.#given.has(id));
    // Given once it has been there for a look: by then, whatever belongs before it is there, too. So the order in which
    // entries are given is, but for a writer that is seconds late, the order of their places.
    const settled = unknown.findLastIndex(({ id }) => this.#fresh.has(id)) + 1;
    const due = unknown.slice(0, settled);
    const read = await this.#deps.store.logEntries.readAll(due.map(({ id }) => id));
    this.#fresh = new Set(unknown.slice(settled).map(({ id }) => id));
    const found: FollowedEntry[] = [];
    let reached = end;
    for (const place of due) {
      if (isBefore(reached, place)) reached = place;
      this.#given.set(place.id, place);
      const entry = read.get(place.id);
      // A late one does not set its followers back.
      if (entry !== undefined) found.push({ entry, place: reached });
    }
    this.#end = Promise.resolve(reached);
    const since = overlapBefore(reached);
    for (const [id, { at }] of this.#given) if (at < since) this.#given.delete(id);
    return found;
  }
}

async function endOf({ store }: TailDependencies): Promise<RecordedPlace> {
  return (await store.logEntries.lastRecorded()) ?? { at: new Date(0), id: '' };
}

function overlapBefore({ at }: RecordedPlace): Date {
  return new Date(at.getTime() - OVERLAP_MS);
}

function* pagesOf<T>(all: readonly T[]): Generator<T[]> {
  for (let at = 0; at < all.length; at += PAGE) yield all.slice(at, at + PAGE);
}

/** Until something waits, the signal is aborted, or the time is over. */
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
