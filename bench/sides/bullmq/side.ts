/**
 * (c) BullMQ on Redis: a producer that adds due accounts in bulk, and a worker in a separate process.
 *
 * Tuned by its documentation: jobs in bulk (docs.bullmq.io/guide/queues/adding-bulks), a local concurrency factor in
 * the hundreds for jobs that wait for I/O (docs.bullmq.io/guide/parallelism-and-concurrency and
 * /guide/workers/concurrency), finished jobs removed (/guide/queues/auto-removal-of-jobs), Redis with AOF each second
 * and `noeviction` (/guide/going-to-production).
 */
import { join } from 'node:path';
import { Queue } from 'bullmq';
import { PlainRefresher } from '../plain-refresh';
import type { Side } from '../side';
import { WorkerProcess } from '../worker-process';
import { QUEUE, redisConnection } from './queue';

export const side: Side = {
  name: '(c) BullMQ',
  concurrencies: [50, 100, 300],
  async start(setting) {
    const worker = await WorkerProcess.start(join(__dirname, 'worker.ts'), setting);
    const producer = await PlainRefresher.open(setting);
    const queue = new Queue(QUEUE, { connection: redisConnection(setting) });
    await queue.waitUntilReady();
    return {
      async refreshDue(due) {
        const jobs = (await producer.dueAccounts()).map((accountId) => ({
          name: 'refresh',
          data: { accountId },
          // The job id allows one job per account at a time.
          opts: { jobId: accountId, removeOnComplete: true, attempts: 1 },
        }));
        await queue.addBulk(jobs);
        await worker.done(due);
      },
      async stop() {
        await worker.stop();
        await queue.obliterate({ force: true });
        await Promise.all([queue.close(), producer.close()]);
      },
    };
  },
};
