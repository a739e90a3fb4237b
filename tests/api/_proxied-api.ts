/** The API with a store behind a proxy that can answer as MongoDB does during a failover. */
import type { Store } from '../../src/store/store';
import { type MongodbProxy, startMongodbProxy } from '../support/mongodb-proxy';
import { type Api, startApi } from './_api';

export interface ProxiedApi {
  api: Api;
  proxy: MongodbProxy;
  /** Sends a request to the API behind the proxy. */
  send: Api['send'];
  stop(): Promise<void>;
}

export async function startProxiedApi(): Promise<ProxiedApi> {
  const api = await startApi({ worker: false });
  const proxy = await startMongodbProxy();
  const store: Store = await api.harness.openStore({ uri: proxy.through(api.harness.mongodbUri) });
  return {
    api,
    proxy,
    send: api.with({ store }),
    async stop() {
      await store.close();
      await proxy.stop();
      await api.stop();
    },
  };
}
