/** The API process of the production shape: `npm run start:api`. */
import {
  openStoreAndVault,
  requireProductionConfig,
  runProcess,
  stopRequested,
  storeStops,
} from '../process/bootstrap';
import { openMetricsPort } from '../process/metrics-port';
import { stopInOrder } from '../process/stop';
import { startTracing } from '../process/tracing';
import { ConfiguredProviders } from '../providers/config/configured-providers';
import { observed } from '../services/metrics/observed';
import { serveApi } from './serve';

void runProcess(async (config, logger) => {
  const { mongodbUri, ring, temporal } = requireProductionConfig(config);
  const stopping = stopRequested(logger);
  // Without a worker, this process has no core of Temporal.
  const metrics = await openMetricsPort({ config, role: 'api', coreAddress: null, logger });
  const tracing = await startTracing(config, { role: 'api', logger });
  const { store, vault, keyRegistration } = await openStoreAndVault(mongodbUri, ring, config, {
    role: 'api',
    logger,
  });
  const api = await serveApi({ config, temporal, store, vault, logger, port: config.port ?? 3000 });
  const providers = new ConfiguredProviders(config.providers);
  metrics.observe(observed({ store, vault, providers, logger, ...api.temporal }));
  logger.info({ url: api.url }, 'API ready');
  // A signal stops the process in order. A missing encryption key stops it with an error.
  try {
    await Promise.race([stopping, keyRegistration.lockedOut]);
  } finally {
    metrics.drain();
    await stopInOrder([api, ...storeStops({ store, keyRegistration }), tracing, metrics], logger);
    logger.info('API stopped');
  }
});
