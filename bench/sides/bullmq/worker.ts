/** A BullMQ worker that refreshes the account of each job. */
import { Worker } from 'bullmq';
import { PlainRefresher } from '../plain-refresh';
import { serveWorker } from '../worker-process';
import { QUEUE, redisConnection } from './queue';

serveWorker(async (setting, done) => {
  const refresher = await PlainRefresher.open(setting);
  const worker = new Worker<{ accountId: string }>(
    QUEUE,
    async ({ data }) => refresher.refresh(data.accountId),
    { connection: redisConnection(setting), concurrency: setting.concurrency },
  );
  worker.on('completed', () => done(1));
  worker.on('failed', (_job, error) => {
    throw error;
  });
  await worker.waitUntilReady();
  return {
    async stop() {
      await worker.close();
      await refresher.close();
    },
  };
});
