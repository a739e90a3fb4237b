/**
 * All in one, for one machine: API and worker in this process, and Temporal and MongoDB started beside it where no
 * address is set. `npm start`.
 */
import getPort from 'get-port';
import type { Logger } from 'pino';
import { type BannerInput, banner } from './all-in-one/banner';
import {
  demoDatabase,
  demoKeyRing,
  seedDemoAccounts,
  startDemoProviders,
} from './all-in-one/demo-mode';
import { lockDataDirectory } from './engines/data-directory';
import type { RunningEngine } from './engines/engine';
import { startMongodb } from './engines/mongodb/mongodb';
import { startTemporal } from './engines/temporal/temporal';
import { openStoreAndVault, runProcess, stopRequested, storeStops } from './process/bootstrap';
import { type Config, ConfigError } from './process/config';
import type { KeyRegistration } from './process/key-registry';
import { installTemporalLogger } from './process/logging';
import { StartError } from './process/start-error';
import { type Stops, stopInOrder } from './process/stop';
import { findAdapter } from './providers/adapters/registry';
import { DEMO_ACCOUNT_COUNT } from './sandbox/demo-accounts';
import { type RunningApi, serveApi } from './server/serve';
import type { Store } from './store/store';
import { type RunningWorker, startWorker } from './worker/start-worker';
import { SEARCH_ATTRIBUTES } from './workflows/search-attributes';

const USUAL_PORT = 3000;

void runProcess(async (config, logger) => {
  if (config.mongodbUri !== null && config.encryptionKeys === null) {
    throw new ConfigError([
      'ENCRYPTION_KEYS must be set beside MONGODB_URI: kid:base64, e.g. k1:$(openssl rand -base64 32). Keep it safe: without it the tokens in that database cannot be read',
    ]);
  }
  const stopping = stopRequested(logger);
  installTemporalLogger(logger);
  const said = { apiUrl: 'starting' };
  const lock = await lockDataDirectory(config.dataDir, () => said.apiUrl);
  // What was started, to be stopped in reverse: API, worker, sandbox, store, engines, lock.
  const stops: Stops = [
    { waitsFor: () => `${config.dataDir}: it is unlocked`, stop: () => lock.release() },
  ];
  try {
    const engines = await Promise.race([
      startEngines(config, logger, stops),
      stopping.then(() => null),
    ]);
    if (engines === null) {
      logger.info('stopped before it had started');
      // Getting an engine can take minutes. Nothing of ours runs yet, and the guards end what was begun.
      process.exit(0);
    }
    const running = await startEvergrant(config, logger, engines, stops);
    said.apiUrl = running.api.url;
    process.stderr.write(`${running.banner}\n`);
    const why = await Promise.race([
      stopping.then(() => null),
      running.keyRegistration.lockedOut,
      running.worker.ended.then(
        () => 'the worker ended',
        () => 'the worker failed',
      ),
      ...engines.running.map((engine) =>
        engine.exited.then(({ detail }) => `${engine.name} ended: ${detail}`),
      ),
    ]);
    if (why !== null) throw new StartError(`Evergrant stops, because ${why}.`);
  } finally {
    await stopInOrder(stops.toReversed(), logger);
    logger.info('stopped');
  }
});

interface Engines {
  temporal: NonNullable<Config['temporal']['connection']>;
  temporalAddress: string;
  temporalUiUrl: string | null;
  temporalCli: string | null;
  mongodbUri: string;
  /** How the embedded one was had; `null`: it is not ours. */
  mongodbWay: string | null;
  running: RunningEngine[];
}

/** Uses the addresses that are set, and starts an engine for each that is not. */
async function startEngines(config: Config, logger: Logger, stops: Stops): Promise<Engines> {
  const options = {
    dataDir: config.dataDir,
    cacheDir: config.cacheDir,
    environment: config.engineEnvironment,
    log: (line: string) => logger.info(line),
  };
  const searchAttributes = Object.fromEntries(
    SEARCH_ATTRIBUTES.map(({ name, type }) => [
      name,
      type === 'INT' ? ('Int' as const) : ('Keyword' as const),
    ]),
  );
  const started = await Promise.allSettled([
    config.temporal.connection === null
      ? startTemporal({
          ...options,
          searchAttributes,
          namespace: config.temporal.namespace,
          ui: config.embeddedTemporalUi,
        })
      : null,
    config.mongodbUri === null ? startMongodb(options) : null,
  ]);
  const [temporal, mongodb] = started;
  const running = started.flatMap((one) =>
    one.status === 'fulfilled' && one.value !== null ? [one.value] : [],
  );
  stops.push(
    running.map((engine) => ({
      waitsFor: () => `${engine.name}: it closes its files`,
      stop: () => engine.stop(),
    })),
  );
  if (temporal.status === 'rejected') throw temporal.reason;
  if (mongodb.status === 'rejected') throw mongodb.reason;
  const address = temporal.value?.address ?? config.temporal.connection?.address ?? '';
  return {
    temporal: config.temporal.connection ?? { address },
    temporalAddress: address,
    temporalUiUrl: temporal.value?.uiUrl ?? null,
    temporalCli: temporal.value?.cliPath ?? null,
    mongodbUri: config.mongodbUri ?? mongodb.value?.uri ?? '',
    mongodbWay: mongodb.value?.strategy ?? null,
    running,
  };
}

async function startEvergrant(
  configured: Config,
  logger: Logger,
  engines: Engines,
  stops: Stops,
): Promise<{
  api: RunningApi;
  worker: RunningWorker;
  keyRegistration: KeyRegistration;
  banner: string;
}> {
  const inDemoMode = configured.providers.length === 0;
  const demo = inDemoMode ? await startDemoProviders(configured) : null;
  if (demo !== null) stops.push({ waitsFor: () => 'the sandbox', stop: () => demo.sandbox.stop() });
  const config = {
    ...configured,
    temporal: {
      ...configured.temporal,
      uiUrl: configured.temporal.uiUrl ?? engines.temporalUiUrl,
    },
    providers: demo?.providers ?? configured.providers,
  };
  const ring = config.encryptionKeys ?? demoKeyRing(config.dataDir).ring;
  const uri = inDemoMode ? demoDatabase(engines.mongodbUri) : engines.mongodbUri;
  const { store, vault, keyRegistration } = await openStoreAndVault(uri, ring, config, {
    role: 'evergrant',
    logger,
  });
  stops.push(...storeStops({ store, keyRegistration }).toReversed());
  if (demo !== null) await seedDemoAccounts(demo.sandbox, store, vault, new Date());

  const { temporal } = engines;
  const worker = await startWorker({ config, temporal, store, vault, logger });
  stops.push(worker);
  const port = config.port ?? (await usualOrFreePort(config, logger));
  const api = await serveApi({ config, temporal, store, vault, logger, port });
  stops.push(api);
  // Last: a start that fails must not use up the one time it is shown.
  const newAdminKey = await createFirstAdminKey(config, store);
  return {
    api,
    worker,
    keyRegistration,
    banner: banner({
      apiUrl: api.url,
      temporalUi: describeTemporalUi(config, engines),
      temporalAddress: engines.temporalAddress,
      temporalCli: engines.temporalCli,
      mongodb: describeMongodb(uri, engines.mongodbWay),
      dataDir: config.dataDir,
      demo: demo === null ? null : { accounts: DEMO_ACCOUNT_COUNT, sandboxUrl: demo.sandbox.url },
      schedules: worker.schedules,
      example: exampleOf(config),
      newAdminKey,
    }),
  };
}

/** The first provider, in the environment that its adapter takes for the usual one. */
function exampleOf({ providers }: Pick<Config, 'providers'>): BannerInput['example'] {
  const [first] = providers;
  if (first === undefined) throw new StartError('No provider is configured.');
  const usual = findAdapter(first.adapter)?.defaultEnvironment ?? 'production';
  return { provider: first.id, environment: usual };
}

function describeTemporalUi(
  { temporal }: Pick<Config, 'temporal'>,
  { temporalAddress }: Engines,
): string {
  if (temporal.uiUrl !== null) return temporal.uiUrl;
  return temporal.connection === null
    ? 'off (TEMPORAL_UI=true starts it, see SECURITY.md)'
    : `yours, at ${temporalAddress}`;
}

/** An address that was configured may hold a password: its database alone is named. */
function describeMongodb(uri: string, way: string | null): string {
  const database = /^mongodb(?:\+srv)?:\/\/[^/]+\/([^?]+)/.exec(uri)?.[1] ?? 'evergrant';
  return way === null ? `yours, from MONGODB_URI (database ${database})` : `${uri}    (${way})`;
}

/** An admin key for whoever has none: made at the first start, and shown then only. */
async function createFirstAdminKey(config: Config, store: Store): Promise<string | null> {
  const organisation = config.adminOrganisation;
  if (config.adminApiKey !== null || (await store.apiKeys.hasAdmin(organisation))) return null;
  const { text } = await store.apiKeys.create(
    { organisation, name: 'first start', scopes: ['admin', 'tokens', 'internal', 'operator'] },
    new Date(),
  );
  return text;
}

async function usualOrFreePort(config: Config, logger: Logger): Promise<number> {
  const port = await getPort({ port: USUAL_PORT, host: config.host });
  if (port !== USUAL_PORT) logger.info(`port ${USUAL_PORT} is taken; the API uses ${port}`);
  return port;
}
