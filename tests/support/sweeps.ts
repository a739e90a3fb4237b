/** Limits a test to the sweeps that it requests, if it counts their effects. */
import { eventually } from './eventually';

/** A policy under which no schedule fires during a test. */
export const SELDOM = { sweepEveryMs: 30 * 24 * 3_600_000 } as const;

/** Waits until the sweeps that starting workers trigger are over. */
export function startUpSweepsEnd(
  h: { logs: readonly string[]; providers: { all: readonly unknown[] } },
  timeoutMs?: number,
  workers = 1,
): Promise<true> {
  const finished = () => h.logs.filter((line) => line.includes('"sweep finished"'));
  return eventually(() => finished().length >= workers * h.providers.all.length, timeoutMs);
}
