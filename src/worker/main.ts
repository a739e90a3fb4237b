/** The worker process of the production shape: `npm run start:worker`. */
import {
  openStoreAndVault,
  requireProductionConfig,
  runProcess,
  stopRequested,
} from '../bootstrap';
import { installTemporalLogger } from '../logging';
import { startWorker } from './start-worker';

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
