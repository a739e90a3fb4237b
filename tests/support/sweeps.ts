/** Only the sweeps that a test asks for, where it counts what they did. */
import { eventually } from './eventually';
import type { Harness } from './harness';

/** A policy under which no schedule fires while a test runs, whatever the time is when it does. */
export const SELDOM = { sweepEveryMs: 30 * 24 * 3_600_000 } as const;

/** Waits until each provider's sweep that a starting worker triggers is over, of so many workers. */
export function startUpSweepsEnd(h: Harness, timeoutMs?: number, workers = 1): Promise<true> {
  const finished = () => h.logs.filter((line) => line.includes('"sweep finished"'));
  return eventually(() => finished().length >= workers * h.providers.all.length, timeoutMs);
}
