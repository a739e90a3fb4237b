/**
 * The audit of handed-out tokens, off the request's path: kept in memory for at most a second, written in batches.
 * It cannot grow without end: where the database is away, no token is handed out for longer than the cache's bound.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { TokenHandout, TokenHandouts } from '../store/token-handouts';

const FLUSH_AFTER_MS = 1_000;
const BATCH_MAX = 500;
/** At the end of the process a database that is away gets this long. */
const STOP_MAX_MS = 10_000;

export interface HandoutLog {
  /** Notes a hand-out; never waits and never throws. */
  record(handout: Omit<TokenHandout, 'id'>): void;
  /** Writes what is noted. */
  flush(): Promise<void>;
  /** Writes the rest, or says how much of it could not be written. */
  stop(): Promise<void>;
}

export function createHandoutLog(
  handouts: Pick<TokenHandouts, 'append'>,
  logger: Logger,
): HandoutLog {
  let noted: TokenHandout[] = [];
  let timer: NodeJS.Timeout | null = null;
  let writing = Promise.resolve();

  function schedule(): void {
    timer ??= setTimeout(() => void flushInBackground(), FLUSH_AFTER_MS).unref();
  }

  /** One batch after the other; a batch that fails is noted again, under the same ids. */
  function flush(): Promise<void> {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    writing = writing.catch(() => undefined).then(writeAll);
    return writing;
  }

  async function writeAll(): Promise<void> {
    while (noted.length > 0) {
      const batch = noted.slice(0, BATCH_MAX);
      noted = noted.slice(BATCH_MAX);
      try {
        await handouts.append(batch);
      } catch (error) {
        noted = [...batch, ...noted];
        throw error;
      }
    }
  }

  async function flushInBackground(): Promise<void> {
    try {
      await flush();
    } catch (error) {
      logger.warn(
        { err: error, waiting: noted.length },
        'token hand-outs could not be written; they are kept and tried again',
      );
      schedule();
    }
  }

  return {
    record(handout) {
      noted.push({ ...handout, id: randomUUID() });
      if (noted.length === BATCH_MAX) void flushInBackground();
      else schedule();
    },
    flush,
    async stop() {
      const until = Date.now() + STOP_MAX_MS;
      for (;;) {
        try {
          await flush();
          return;
        } catch (error) {
          if (Date.now() >= until) {
            logger.error({ err: error, lost: noted.length }, 'token hand-outs were not written');
            return;
          }
          await pause(FLUSH_AFTER_MS);
        }
      }
    },
  };
}
