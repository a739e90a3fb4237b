/** (f) Evergrant: one worker as in production, and a sweep that is triggered as the API does it. Whatever it does. */
import type { Side } from '../side';
import { startWorker } from './processes';
import { Sweeps } from './sweeps';

export const side: Side = {
  name: '(f) Evergrant',
  // Its own: it has no knob.
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
