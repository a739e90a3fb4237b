/**
 * Checks periodically that Temporal still has the schedules, because its database may be lost or replaced while workers
 * run. MongoDB is the source of truth, from which missing schedules are recreated.
 */
import { type Client, ScheduleNotFoundError } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Provider } from '../providers/provider';
import { sweepScheduleId } from '../temporal/sweep-schedules';

/** Interval between checks, in ms. Must be far shorter than the time between an account's due time and its expiry. */
export const LOOK_EVERY_MS = 30_000;

export interface KeepSchedulesInput {
  client: Client;
  providers: readonly Provider[];
  logger: Logger;
  everyMs: number;
  /** Recreates what is missing, and starts a sweep. */
  putBack: () => Promise<void>;
}

/** @returns a function that stops the checks and cancels one in progress */
export function keepSchedules(input: KeepSchedulesInput): () => Promise<void> {
  const { client, providers, logger, everyMs, putBack } = input;
  let away = false;
  let looking: Promise<void> | null = null;
  let isStopping = false;
  /** One controller per request, because each request leaves a listener on its signal. */
  let stopsRequest = new AbortController();

  function cancellable<T>(request: () => Promise<T>): Promise<T> {
    stopsRequest = new AbortController();
    if (isStopping) stopsRequest.abort();
    return client.withAbortSignal(stopsRequest.signal, request);
  }

  async function look(): Promise<void> {
    try {
      const missing = await missingSchedules(client, providers, cancellable);
      if (away) logger.info('Temporal is reachable again');
      away = false;
      if (missing.length === 0) return;
      logger.warn(
        { schedules: missing },
        'Temporal no longer has the schedules: its database was lost or replaced, or an operator deleted them. Evergrant creates them again and sweeps all due accounts. To stop sweeps, pause the schedules.',
      );
      await putBack();
    } catch (error) {
      // Logged once per outage.
      if (!away && !isStopping)
        logger.warn(
          { err: error },
          'could not check the schedules in Temporal; the next check follows',
        );
      away = true;
    }
  }

  const timer = setInterval(() => {
    looking ??= look().finally(() => {
      looking = null;
    });
  }, everyMs);
  return async () => {
    clearInterval(timer);
    isStopping = true;
    stopsRequest.abort();
    await looking;
  };
}

async function missingSchedules(
  client: Client,
  providers: readonly Provider[],
  cancellable: <T>(request: () => Promise<T>) => Promise<T>,
): Promise<string[]> {
  const missing: string[] = [];
  for (const { id } of providers) {
    const handle = client.schedule.getHandle(sweepScheduleId(id));
    try {
      await cancellable(() =>
        client.withDeadline(Date.now() + ANSWERS_WITHIN_MS, () => handle.describe()),
      );
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
      missing.push(handle.scheduleId);
    }
  }
  return missing;
}

const ANSWERS_WITHIN_MS = 10_000;
