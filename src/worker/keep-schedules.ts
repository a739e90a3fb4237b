/**
 * Looks again and again whether Temporal still has the schedules: its database may be lost or replaced while workers
 * run. MongoDB is the truth then, and what Temporal needs is put there anew.
 */
import { type Client, ScheduleNotFoundError } from '@temporalio/client';
import type { Logger } from 'pino';
import { safeError } from '../domain/safe-error';
import type { Provider } from '../providers/provider';
import { sweepScheduleId } from '../schedule';

/** Far shorter than the time between a sweep that finds an account due and the end of its token. */
export const LOOK_EVERY_MS = 30_000;

export interface KeepSchedulesInput {
  client: Client;
  providers: readonly Provider[];
  logger: Logger;
  everyMs: number;
  /** Puts there whatever is missing, and starts a sweep. */
  putBack: () => Promise<void>;
}

/** @returns stops looking, and waits for a look that is under way */
export function keepSchedules(input: KeepSchedulesInput): () => Promise<void> {
  const { client, providers, logger, everyMs, putBack } = input;
  let away = false;
  let looking: Promise<void> | null = null;

  async function look(): Promise<void> {
    try {
      const missing = await missingSchedules(client, providers);
      if (away) logger.info('Temporal answers again');
      away = false;
      if (missing.length === 0) return;
      logger.warn(
        { schedules: missing },
        'Temporal no longer has the schedules: its database was lost or replaced, or somebody deleted them. They are created again, and all that is due is swept (to stop sweeps, pause a schedule)',
      );
      await putBack();
    } catch (error) {
      // Once for each outage, however long it is.
      if (!away)
        logger.warn({ err: safeError(error) }, 'Temporal does not answer; it is asked again');
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
    await looking;
  };
}

async function missingSchedules(client: Client, providers: readonly Provider[]): Promise<string[]> {
  const missing: string[] = [];
  for (const { id } of providers) {
    const handle = client.schedule.getHandle(sweepScheduleId(id));
    try {
      await client.withDeadline(Date.now() + ANSWERS_WITHIN_MS, () => handle.describe());
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
      missing.push(handle.scheduleId);
    }
  }
  return missing;
}

const ANSWERS_WITHIN_MS = 10_000;
