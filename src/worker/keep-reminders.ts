/** Sends the due reminders to owners. Every worker runs this loop; the claim of an address in MongoDB prevents a second message. */
import { setTimeout as delay } from 'node:timers/promises';
import { type RemindDependencies, remindOwners } from '../services/connect/remind-owners';

/** Interval between two passes, in ms: how long after the end of its access an owner gets the first message. */
const LOOK_EVERY_MS = 5 * 60_000;

/** @returns a function that ends the loop after the message in progress */
export function keepReminders(deps: RemindDependencies): () => Promise<void> {
  const stopping = new AbortController();
  const running = remindUntil(deps, stopping.signal);
  return async () => {
    stopping.abort();
    await running;
  };
}

async function remindUntil(deps: RemindDependencies, signal: AbortSignal): Promise<void> {
  let isFailing = false;
  while (!signal.aborted) {
    try {
      await remindOwners(deps, signal);
      isFailing = false;
    } catch (error) {
      // Logged once per outage.
      if (!isFailing) deps.logger.warn({ err: error }, 'the reminders could not be sent');
      isFailing = true;
    }
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}
