/** The API process of the production shape: `npm run start:api`. */
import {
  openStoreAndVault,
  requireProductionConfig,
  runProcess,
  stopRequested,
} from '../bootstrap';
import { serveApi } from './serve';

void runProcess(async (config, logger) => {
  const { mongodbUri, ring, temporal } = requireProductionConfig(config);
  const stopping = stopRequested(logger);
  const { store, vault } = await openStoreAndVault(mongodbUri, ring, config);
  const api = await serveApi({ config, temporal, store, vault, logger, port: config.port ?? 3000 });
  logger.info({ url: api.url }, 'API ready');
  await stopping;
  await api.stop();
  await store.close();
  logger.info('API stopped');
});
