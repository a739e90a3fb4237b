/** (a) The upper limit: Evergrant's refresh in a bare loop, without a workflow engine. */
import { join } from 'node:path';
import type { Side } from '../side';
import { WorkerProcess } from '../worker-process';

export const side: Side = {
  name: '(a) bare loop',
  concurrencies: [16, 32, 64, 100, 200, 400],
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
