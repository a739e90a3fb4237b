/** An Agenda process that refreshes the account of each job. */
import type { Job } from 'agenda';
import { PlainRefresher } from '../plain-refresh';
import { serveWorker } from '../worker-process';
import { JOB, openAgenda } from './jobs';

serveWorker(async (setting, done) => {
  const refresher = await PlainRefresher.open(setting);
  const agenda = await openAgenda(setting);
  agenda.define(
    JOB,
    // oxlint-disable-next-line typescript/no-misused-promises -- Agenda awaits the returned promise
    async (job: Job<{ accountId: string }>) => refresher.refresh(job.attrs.data.accountId),
    { concurrency: setting.concurrency },
  );
  agenda.on('success', () => done(1));
  agenda.on('fail', (error: unknown) => {
    throw error;
  });
  await agenda.start();
  return {
    async stop() {
      await agenda.stop();
      await refresher.close();
    },
  };
});
