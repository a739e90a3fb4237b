/** The API process of the production shape: `npm run start:api`. */
import {
  openStoreAndVault,
  requireProductionConfig,
  runProcess,
  stopRequested,
  storeStops,
} from '../process/bootstrap';
import { stopInOrder } from '../process/stop';
import { serveApi } from './serve';

void runProcess(async (config, logger) => {
  const { mongodbUri, ring, temporal } = requireProductionConfig(config);
  const stopping = stopRequested(logger);
  const { store, vault, keyRegistration } = await openStoreAndVault(mongodbUri, ring, config, {
    role: 'api',
    logger,
  });
  const api = await serveApi({ config, temporal, store, vault, logger, port: config.port ?? 3000 });
  logger.info({ url: api.url }, 'API ready');
  // A signal stops the process in order. A missing encryption key stops it with an error.
  try {
    await Promise.race([stopping, keyRegistration.lockedOut]);
  } finally {
    await stopInOrder([api, ...storeStops({ store, keyRegistration })], logger);
    logger.info('API stopped');
  }
});
