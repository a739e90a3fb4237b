/** Waits for a condition, never for a time. */
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Calls `probe` until it gives something other than `undefined`, `null` or `false`, or its assertions hold.
 * @param timeoutMs generous: these machines are shared
 */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  timeoutMs = 30_000,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    let reason: unknown = new Error('the condition did not become true');
    try {
      const value = await probe();
      if (value !== undefined && value !== null && value !== false) return value;
    } catch (error) {
      reason = error;
    }
    if (Date.now() > deadline) throw reason;
    await delay(25);
  }
}
