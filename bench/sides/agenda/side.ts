/**
 * (e) Agenda on the same MongoDB: one job for each due account, a worker in a process of its own.
 *
 * Tuned by its documentation (README of agenda/agenda 6.x, "Backend configuration" and "Defining jobs"): `processEvery`
 * far below its default of 5 s, `maxConcurrency` and the job's `concurrency` raised together, no limit on locks, finished
 * jobs removed (`removeOnComplete`). It adds one job by one write; there is no bulk call, so they are added concurrently.
 */
import { join } from 'node:path';
import { PlainRefresher } from '../plain-refresh';
import type { Side } from '../side';
import { WorkerProcess } from '../worker-process';
import { JOB, openAgenda } from './jobs';

export const side: Side = {
  name: '(e) Agenda',
  concurrencies: [50, 100, 300],
  async start(setting) {
    const worker = await WorkerProcess.start(join(__dirname, 'worker.ts'), setting);
    const producer = await PlainRefresher.open(setting);
    const jobs = await openAgenda(setting);
    return {
      async refreshDue(due) {
        const accountIds = await producer.dueAccounts();
        await Promise.all(accountIds.map((accountId) => jobs.now(JOB, { accountId })));
        await worker.done(due);
      },
      async stop() {
        await worker.stop();
        await jobs.stop();
        await producer.close();
      },
    };
  },
};
