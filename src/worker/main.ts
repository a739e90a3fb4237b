/** The worker process in production: `npm run start:worker`. */
import { setFlagsFromString } from 'node:v8';
import {
  openStoreAndVault,
  requireProductionConfig,
  runProcess,
  stopRequested,
  storeStops,
} from '../process/bootstrap';
import { coreMetricsAddress, openMetricsPort } from '../process/metrics-port';
import { stopInOrder } from '../process/stop';
import { installTemporalRuntime } from '../process/temporal-runtime';
import { startTracing } from '../process/tracing';
import { ConfiguredProviders } from '../providers/config/configured-providers';
import { observed } from '../services/metrics/observed';
import { startWorker } from './start-worker';

// Most memory of a refresh is garbage moments later, yet Node would let its heaps grow to several times the live data.
// A lower value makes garbage collection cost a sixth of a large sweep (docs/performance.md). The second flag is for
// the workflow thread, which starts later.
setFlagsFromString('--heap-growing-percent=80');
setFlagsFromString('--max-semi-space-size=8');

void runProcess(async (config, logger) => {
  const { mongodbUri, ring, temporal } = requireProductionConfig(config);
  const stopping = stopRequested(logger);
  // Installed only by workers, because Temporal's core keeps a process alive until its last worker has ended.
  const coreAddress = await coreMetricsAddress(config);
  installTemporalRuntime(logger, coreAddress);
  const metrics = await openMetricsPort({ config, role: 'worker', coreAddress, logger });
  const tracing = await startTracing(config, { role: 'worker', logger });
  const { store, vault, keyRegistration } = await openStoreAndVault(mongodbUri, ring, config, {
    role: 'worker',
    logger,
  });
  const worker = await startWorker({ config, temporal, store, vault, logger });
  const providers = new ConfiguredProviders(config.providers);
  metrics.observe(observed({ store, vault, providers, logger, ...worker.temporal }));
  logger.info(
    { task_queue: config.temporal.taskQueue, providers: config.providers.map(({ id }) => id) },
    'worker ready',
  );
  // A worker that ends unasked, or a missing encryption key, ends the process with an error; a signal ends it normally.
  // In every case, requests in flight are finished.
  try {
    await Promise.race([stopping, worker.ended, keyRegistration.lockedOut]);
  } finally {
    metrics.drain();
    await stopInOrder(
      [worker, ...storeStops({ store, keyRegistration }), tracing, metrics],
      logger,
    );
    logger.info('worker stopped');
  }
});
