/** Measures durations on a shared machine. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

/**
 * Runs a task.
 * @returns its duration in ms, less the longest time in which this process got no CPU
 */
export async function timed(task: () => Promise<unknown>): Promise<number> {
  const stalls = monitorEventLoopDelay({ resolution: 10 });
  stalls.enable();
  const from = performance.now();
  await task();
  const tookMs = performance.now() - from;
  stalls.disable();
  return tookMs - stalls.max / 1e6;
}
