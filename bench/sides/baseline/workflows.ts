/** The minimum cost of a sweep's structure on Temporal: a parent, a window of children, one activity in each. */
import { condition, proxyActivities, startChild } from '@temporalio/workflow';
import type { Activities } from './worker';

const { nothing } = proxyActivities<Activities>({ startToCloseTimeout: '30s' });

/** The same window as a sweep's (`src/workflows/sweep.ts`). */
const WINDOW = 40;

export async function childWorkflow(): Promise<number> {
  return nothing();
}

/** @returns the number of activities that ran, as their workflows count them */
export async function parentWorkflow(children: number): Promise<number> {
  let running = 0;
  let done = 0;
  const run = async () => {
    running += 1;
    const child = await startChild(childWorkflow);
    const ran = await child.result();
    done += ran;
    running -= 1;
  };
  const all: Promise<void>[] = [];
  for (let n = 0; n < children; n += 1) {
    await condition(() => running < WINDOW);
    all.push(run());
  }
  await Promise.all(all);
  return done;
}
