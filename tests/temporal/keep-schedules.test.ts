/** The check of the schedules, with a client that leaves a listener on its signal, as that of Temporal does. */
import type { Client } from '@temporalio/client';
import { pino } from 'pino';
import type { Provider } from '../../src/providers/provider';
import { keepSchedules } from '../../src/worker/keep-schedules';
import { eventually } from '../support/eventually';

it('gives each request its own signal, so that no signal collects listeners', async () => {
  const listeners = new Map<AbortSignal, number>();
  let described = 0;
  let signal = new AbortController().signal;
  const client = {
    withAbortSignal: (given: AbortSignal, ask: () => Promise<unknown>) => {
      signal = given;
      return ask();
    },
    withDeadline: (_deadline: number, ask: () => Promise<unknown>) => ask(),
    schedule: {
      getHandle: () => ({
        describe: () => {
          described += 1;
          listeners.set(signal, (listeners.get(signal) ?? 0) + 1);
          return Promise.resolve();
        },
      }),
    },
  } as unknown as Client;
  const providers = ['one', 'other', 'third'].map((id) => ({ id }) as Provider);
  const stop = keepSchedules({
    client,
    providers,
    logger: pino({ level: 'silent' }),
    everyMs: 5,
    putBack: () => Promise.resolve(),
  });
  await eventually(() => described >= providers.length);
  await stop();
  expect(Math.max(...listeners.values())).toBe(1);
  expect(signal.aborted).toBe(true);
});
