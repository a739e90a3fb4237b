// The ordered ways to get an engine: the first that works wins, each refusal is said in one line, and
// if none works the error is the list of what was tried.
import { ChangedFile } from './checked-program';
import type { Say } from './engine';

const REASON_LENGTH_MAX = 240;

/** One way to get something; `find` rejects with a reason if this machine does not offer it. */
export interface Strategy<T> {
  name: string;
  find(): Promise<T>;
}

export interface Refusal {
  way: string;
  reason: string;
}

/** No way worked. The message is for people: one line per way, and what to install. */
export class NoStrategyWorked extends Error {
  readonly code = 'no_way_worked';
  readonly refusals: readonly Refusal[];

  constructor(engine: string, refusals: readonly Refusal[], install: string) {
    const tried = refusals.map(({ way, reason }) => `  - ${way}: ${reason}`);
    super(
      [`${engine} could not be started. These ways were tried, in order:`, ...tried, install].join(
        '\n',
      ),
    );
    this.name = 'NoStrategyWorked';
    this.refusals = refusals;
  }
}

/**
 * Tries the ways in order.
 *
 * @param install what to install so that one of them works next time; ends the error message.
 * @throws {NoStrategyWorked} if every way refused.
 * @throws {ChangedFile} at once, if a way found that the cache was changed.
 */
export async function firstStrategyThatWorks<T>(
  engine: string,
  strategies: readonly Strategy<T>[],
  install: string,
  say: Say,
): Promise<{ way: string; found: T }> {
  const refusals: Refusal[] = [];
  for (const way of strategies) {
    try {
      // The order is the point: a later way costs more, so it is not tried ahead.
      // oxlint-disable-next-line no-await-in-loop
      return { way: way.name, found: await way.find() };
    } catch (error) {
      // No later way may hide that somebody changed what was checked.
      if (error instanceof ChangedFile) throw error;
      const reason = oneLine(error);
      refusals.push({ way: way.name, reason });
      say(`${engine}: ${way.name}: ${reason}`);
    }
  }
  throw new NoStrategyWorked(engine, refusals, install);
}

function oneLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const line = message.replace(/\s+/g, ' ').trim();
  return line.length > REASON_LENGTH_MAX ? `${line.slice(0, REASON_LENGTH_MAX)} …` : line;
}
