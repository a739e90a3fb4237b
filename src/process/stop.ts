/** Stops the parts of a process in order, and logs the work that a stop waits for. */
import type { Logger } from 'pino';

export interface Stoppable {
  /** Describes the remaining work for a log line: `the API: 2 requests in flight, at most 15 s`. */
  waitsFor: () => string;
  stop: () => Promise<void>;
}

/** Time in ms after which a stop is logged as waiting, and then again every {@link LOG_EVERY_MS}. */
const LOG_AFTER_MS = 500;
const LOG_EVERY_MS = 5_000;

/** The parts to stop, in order. The parts of a list stop together. */
export type Stops = (Stoppable | readonly Stoppable[])[];

/** Stops the parts one after the other. A failure is logged and does not prevent the other stops. */
export async function stopInOrder(stops: Readonly<Stops>, logger: Logger): Promise<void> {
  for (const group of stops) await Promise.all([group].flat().map((one) => stopOne(one, logger)));
}

async function stopOne({ waitsFor, stop }: Stoppable, logger: Logger): Promise<void> {
  const log = () => logger.info(`waiting for ${waitsFor()}`);
  let every: NodeJS.Timeout | undefined;
  const first = setTimeout(() => {
    log();
    every = setInterval(log, LOG_EVERY_MS);
  }, LOG_AFTER_MS);
  try {
    await stop();
  } catch (error) {
    logger.warn({ err: error }, `stopping failed: ${waitsFor()}`);
  } finally {
    clearTimeout(first);
    clearInterval(every);
  }
}
