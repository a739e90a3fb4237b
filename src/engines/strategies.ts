/**
 * Strategies to obtain an embedded server, in order. The first one that works is used. Each failure is logged in one
 * line, and if none works, the error lists all of them.
 */
import { ChangedFile } from './checked-program';
import type { Log } from './engine';

const REASON_LENGTH_MAX = 240;

/** A way to obtain a program. `find` rejects with a reason if it does not work on this machine. */
export interface Strategy<T> {
  name: string;
  find(): Promise<T>;
}

export interface Refusal {
  strategy: string;
  reason: string;
}

/** No strategy worked. The message has one line per strategy, and names what to install. */
export class NoStrategyWorked extends Error {
  readonly code = 'no_strategy_worked';
  readonly refusals: readonly Refusal[];

  constructor(engine: string, refusals: readonly Refusal[], install: string) {
    const tried = refusals.map(({ strategy, reason }) => `  - ${strategy}: ${reason}`);
    super(
      [`${engine} could not be started. Evergrant tried, in this order:`, ...tried, install].join(
        '\n',
      ),
    );
    this.name = 'NoStrategyWorked';
    this.refusals = refusals;
  }
}

/**
 * Tries the strategies in order.
 *
 * @param install end of the error message: the programs that make a strategy work.
 * @throws {NoStrategyWorked} if every strategy failed.
 * @throws {ChangedFile} immediately, if a strategy found a changed file in the cache.
 */
export async function firstStrategyThatWorks<T>(
  engine: string,
  strategies: readonly Strategy<T>[],
  install: string,
  log: Log,
): Promise<{ strategy: string; found: T }> {
  const refusals: Refusal[] = [];
  for (const one of strategies) {
    try {
      // A later strategy costs more, so it starts only after the earlier ones failed.
      // oxlint-disable-next-line no-await-in-loop
      return { strategy: one.name, found: await one.find() };
    } catch (error) {
      // A later strategy must not hide that a checked file was changed.
      if (error instanceof ChangedFile) throw error;
      const reason = oneLine(error);
      refusals.push({ strategy: one.name, reason });
      log(`${engine}: ${one.name} cannot be used: ${reason}`);
    }
  }
  throw new NoStrategyWorked(engine, refusals, install);
}

function oneLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const line = message.replace(/\s+/g, ' ').trim();
  return line.length > REASON_LENGTH_MAX ? `${line.slice(0, REASON_LENGTH_MAX)} …` : line;
}
