/** (f) Evergrant: one worker as in production with all its features, and a sweep that is triggered as the API does. */
import type { Side } from '../side';
import { startWorker } from './processes';
import { Sweeps } from './sweeps';

export const side: Side = {
  name: '(f) Evergrant',
  // Evergrant has no setting for it.
  concurrencies: [],
  async start(setting) {
    const sweeps = await Sweeps.open(setting);
    const worker = await startWorker(setting);
    await sweeps.ended();
    return {
      async refreshDue(due) {
        await sweeps.sweep(due);
      },
      async stop() {
        await worker.stop();
        await sweeps.close();
      },
    };
  },
};
