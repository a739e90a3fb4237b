/**
 * The audit of handed-out tokens, off the request's path: kept in memory for at most a second, written in batches, each
 * of which is one entry of its organisation's audit. It cannot grow without end: where the database is away, no token is
 * handed out for longer than the cache's bound.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import {
  BATCH_MAX,
  digestOf,
  type HandoutBatch,
  type TokenHandout,
  type TokenHandouts,
} from '../store/token-handouts';
import type { AuditLog } from './audit-log';

const FLUSH_AFTER_MS = 1_000;
/** At the end of the process a database that is away gets this long. */
const STOP_MAX_MS = 10_000;

/** What the audit calls a batch of hand-outs, and who wrote it down. */
export const HANDOUTS = 'token hand-outs';
const WRITER = 'evergrant';

export interface HandoutLog {
  /** Notes a hand-out; never waits and never throws. */
  record(organisation: string, handout: TokenHandout): void;
  /** Writes what is noted. */
  flush(): Promise<void>;
  /** Writes the rest, or says how much of it could not be written. */
  stop(): Promise<void>;
}

export function createHandoutLog(
  handouts: Pick<TokenHandouts, 'append' | 'keptUntil'>,
  audit: AuditLog,
  logger: Logger,
): HandoutLog {
  /** By organisation. */
  const noted = new Map<string, TokenHandout[]>();
  const batches: HandoutBatch[] = [];
  let timer: NodeJS.Timeout | null = null;
  let writing = Promise.resolve();
  const waiting = () =>
    [...noted.values(), ...batches.map((batch) => batch.handouts)].reduce(
      (sum, { length }) => sum + length,
      0,
    );

  function schedule(): void {
    timer ??= setTimeout(() => void flushInBackground(), FLUSH_AFTER_MS).unref();
  }

  /** One batch after the other; one that fails stays the next. */
  function flush(): Promise<void> {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    writing = writing.catch(() => undefined).then(writeAll);
    return writing;
  }

  async function writeAll(): Promise<void> {
    for (;;) {
      if (batches.length === 0) cut();
      const [batch] = batches;
      if (batch === undefined) return;
      await write(batch);
      batches.shift();
    }
  }

  function cut(): void {
    for (const [organisation, own] of noted) {
      for (let from = 0; from < own.length; from += BATCH_MAX)
        batches.push({
          id: randomUUID(),
          organisation,
          handouts: own.slice(from, from + BATCH_MAX),
        });
    }
    noted.clear();
  }

  /** The rows first: an entry must not tell of what is not there. */
  async function write(batch: HandoutBatch): Promise<void> {
    await handouts.append(batch);
    const earliest = Math.min(...batch.handouts.map(({ at }) => at.getTime()));
    await audit.append({
      id: batch.id,
      organisation: batch.organisation,
      actor: WRITER,
      action: HANDOUTS,
      details: {
        count: batch.handouts.length,
        sha256: digestOf(batch),
        kept_until: handouts.keptUntil(new Date(earliest)).toISOString(),
      },
    });
  }

  async function flushInBackground(): Promise<void> {
    try {
      await flush();
    } catch (error) {
      logger.warn(
        { err: error, waiting: waiting() },
        'token hand-outs could not be written; they are kept and tried again',
      );
      schedule();
    }
  }

  return {
    record(organisation, handout) {
      const own = noted.get(organisation);
      if (own === undefined) noted.set(organisation, [handout]);
      else own.push(handout);
      if (own?.length === BATCH_MAX) void flushInBackground();
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
            logger.error({ err: error, lost: waiting() }, 'token hand-outs were not written');
            return;
          }
          await pause(FLUSH_AFTER_MS);
        }
      }
    },
  };
}
