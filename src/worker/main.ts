/** The worker process of the production shape: `npm run start:worker`. */
import { setFlagsFromString } from 'node:v8';
import {
  openStoreAndVault,
  requireProductionConfig,
  runProcess,
  stopRequested,
} from '../bootstrap';
import { installTemporalLogger } from '../logging';
import { startWorker } from './start-worker';

// Most of what a refresh takes is garbage a moment later, and Node would let its heaps grow to several times what lives in
// them. Sooner still, and collecting it takes a sixth of what a large sweep costs (docs/performance.md). The second is for the
// thread of the workflows, begun later.
setFlagsFromString('--heap-growing-percent=80');
setFlagsFromString('--max-semi-space-size=8');

void runProcess(async (config, logger) => {
  const { mongodbUri, ring, temporal } = requireProductionConfig(config);
  const stopping = stopRequested(logger);
  // Only where a worker runs: Temporal's core, once begun, keeps a process alive until its last worker has ended.
  installTemporalLogger(logger);
  const { store, vault, custody } = await openStoreAndVault(mongodbUri, ring, config, 'worker');
  const worker = await startWorker({ config, temporal, store, vault, logger });
  logger.info(
    { task_queue: config.temporal.taskQueue, providers: config.providers.map(({ id }) => id) },
    'worker ready',
  );
  // A worker that ends by itself ends the process with an error; a signal ends it in order.
  // So does a key that it has not got: what is in flight is finished all the same.
  try {
    await Promise.race([stopping, worker.ended, custody.lockedOut]);
  } finally {
    await worker.stop();
    await custody.stop();
    await store.close();
    logger.info('worker stopped');
  }
});
