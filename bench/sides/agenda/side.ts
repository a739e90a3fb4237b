/**
 * (e) Agenda on the same MongoDB: one job per due account, and a worker in a separate process.
 *
 * Tuned by its documentation (README of agenda/agenda 6.x, "Backend configuration" and "Defining jobs"): `processEvery`
 * far below its default of 5 s, `maxConcurrency` and the job's `concurrency` raised together, no limit on locks,
 * finished jobs removed (`removeOnComplete`). Agenda adds each job with one write and has no bulk call, so jobs are
 * added concurrently.
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
