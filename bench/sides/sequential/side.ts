/** (b) One account after the other, as the refreshers do that applications write first: a cron job with a loop. */
import { join } from 'node:path';
import type { Side } from '../side';
import { WorkerProcess } from '../worker-process';

export const side: Side = {
  name: '(b) sequential loop',
  concurrencies: [1],
  accountsMax: 200,
  async start(setting) {
    const worker = await WorkerProcess.start(join(__dirname, 'worker.ts'), setting);
    return {
      async refreshDue(due) {
        worker.refreshDue();
        await worker.done(due);
      },
      stop: () => worker.stop(),
    };
  },
};
