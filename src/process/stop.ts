/** Stops what a process started, in order, and logs what it waits for. */
import type { Logger } from 'pino';

export interface Stoppable {
  /** Names the work that the stop waits for, at each log line: `the API: 2 requests in flight, at most 15 s`. */
  waitsFor: () => string;
  stop: () => Promise<void>;
}

/** A stop that takes longer than this, in ms, is logged, and again every {@link SAY_EVERY_MS}. */
const SAY_AFTER_MS = 500;
const SAY_EVERY_MS = 5_000;

/** The parts to stop, in order; the parts of a list stop together. */
export type Stops = (Stoppable | readonly Stoppable[])[];

/** Stops the parts one after the other. A part that fails is logged, and the others are still stopped. */
export async function stopInOrder(stops: Readonly<Stops>, logger: Logger): Promise<void> {
  for (const group of stops) await Promise.all([group].flat().map((one) => stopOne(one, logger)));
}

async function stopOne({ waitsFor, stop }: Stoppable, logger: Logger): Promise<void> {
  const say = () => logger.info(`waiting for ${waitsFor()}`);
  let every: NodeJS.Timeout | undefined;
  const first = setTimeout(() => {
    say();
    every = setInterval(say, SAY_EVERY_MS);
  }, SAY_AFTER_MS);
  try {
    await stop();
  } catch (error) {
    logger.warn({ err: error }, `a stop failed: ${waitsFor()}`);
  } finally {
    clearTimeout(first);
    clearInterval(every);
  }
}
