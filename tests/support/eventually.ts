/** Waits for conditions instead of sleeping. */
import { setTimeout as delay } from 'node:timers/promises';

type Missing = undefined | null | false;

/**
 * Calls `probe` until it neither throws nor returns `undefined`, `null` or `false`.
 * @param timeoutMs generous, because test machines are shared
 */
export async function eventually<T>(
  probe: () => T | Missing | Promise<T | Missing>,
  timeoutMs = 30_000,
): Promise<Exclude<T, Missing>> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    let reason: unknown = new Error('the condition did not become true');
    try {
      const value = await probe();
      if (isThere(value)) return value;
    } catch (error) {
      reason = error;
    }
    if (Date.now() > deadline) throw reason;
    await delay(25);
  }
}

function isThere<T>(value: T | Missing): value is Exclude<T, Missing> {
  return value !== undefined && value !== null && value !== false;
}
