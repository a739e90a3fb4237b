/**
 * `npm start`: runs API and worker in one process on one machine, and starts an embedded Temporal and MongoDB unless their
 * addresses are set.
 */
import { parseArgs } from 'node:util';
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
import { coreMetricsAddress, openMetricsPort } from './process/metrics-port';
import { StartError } from './process/start-error';
import { type Stops, stopInOrder } from './process/stop';
import { installTemporalRuntime } from './process/temporal-runtime';
import { startTracing } from './process/tracing';
import { findAdapter } from './providers/adapters/registry';
import { ConfiguredProviders } from './providers/config/configured-providers';
import { type RunningApi, serveApi } from './server/serve';
import { observed } from './services/metrics/observed';
import { databaseOf } from './store/mongo/connection-string';
import type { Store } from './store/store';
import { type RunningWorker, startWorker } from './worker/start-worker';
import { SEARCH_ATTRIBUTES } from './workflows/search-attributes';

const USUAL_PORT = 3000;
/** The name on the consent pages of demo mode. */
const DEMO_ORGANISATION_NAME = 'Evergrant demo';

void runProcess(async (config, logger) => {
  if (config.mongodbUri !== null && config.encryptionKeys === null) {
    throw new ConfigError([
      'ENCRYPTION_KEYS must be set together with MONGODB_URI: kid:base64, e.g. k1:$(openssl rand -base64 32). Keep it safe: without it, the tokens in that database cannot be decrypted',
    ]);
  }
  const stopping = stopRequested(logger);
  const coreAddress = await coreMetricsAddress(config);
  installTemporalRuntime(logger, coreAddress);
  const shared = { apiUrl: 'starting' };
  const lock = await lockDataDirectory(config.dataDir, () => shared.apiUrl);
  // Started parts. They stop in reverse order: API, worker, sandbox, store, engines, lock.
  const stops: Stops = [
    { waitsFor: () => `${config.dataDir} to be unlocked`, stop: () => lock.release() },
  ];
  try {
    const engines = await Promise.race([
      startEngines(config, logger, stops),
      stopping.then(() => null),
    ]);
    if (engines === null) {
      logger.info('stopped during the start');
      // A download of an engine can take minutes. No other part runs yet, and the guards end the engines.
      process.exit(0);
    }
    const running = await startEvergrant(config, logger, engines, stops, coreAddress);
    shared.apiUrl = running.api.url;
    process.stderr.write(`${running.banner}\n`);
    const reason = await Promise.race([
      stopping.then(() => null),
      running.keyRegistration.lockedOut,
      running.worker.ended.then(
        () => 'the worker ended',
        (error: unknown) => {
          logger.error({ err: error }, 'the worker failed');
          return 'the worker failed. See the log lines above for the cause';
        },
      ),
      ...engines.running.map((engine) =>
        engine.exited.then(({ detail }) => `${engine.name} ended: ${detail}`),
      ),
    ]);
    if (reason !== null) throw new StartError(`Evergrant stops, because ${reason}.`);
  } finally {
    await stopInOrder(stops.toReversed(), logger);
    logger.info('stopped');
  }
}, argumentsOf());

function argumentsOf(): { verbose: boolean } {
  try {
    return parseArgs({ options: { verbose: { type: 'boolean', default: false } } }).values;
  } catch {
    const given = process.argv.slice(2).join(' ');
    process.stderr.write(
      `${given} is not an option. --verbose shows every member of each log line.\n`,
    );
    process.exit(1);
  }
}

interface Engines {
  temporal: NonNullable<Config['temporal']['connection']>;
  temporalAddress: string;
  temporalUiUrl: string | null;
  temporalCli: string | null;
  mongodbUri: string;
  /** The strategy that found the embedded MongoDB; `null` if MongoDB is external. */
  mongodbStrategy: string | null;
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
      waitsFor: () => `${engine.name} to close its files`,
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
    mongodbStrategy: mongodb.value?.strategy ?? null,
    running,
  };
}

async function startEvergrant(
  configured: Config,
  logger: Logger,
  engines: Engines,
  stops: Stops,
  coreAddress: string | null,
): Promise<{
  api: RunningApi;
  worker: RunningWorker;
  keyRegistration: KeyRegistration;
  banner: string;
}> {
  const inDemoMode = configured.providers.length === 0;
  const demo = inDemoMode ? await startDemoProviders(configured) : null;
  if (demo !== null)
    stops.push({ waitsFor: () => 'the sandbox to stop', stop: () => demo.sandbox.stop() });
  const config = {
    ...configured,
    temporal: {
      ...configured.temporal,
      uiUrl: configured.temporal.uiUrl ?? engines.temporalUiUrl,
    },
    providers: demo?.providers ?? configured.providers,
    connect: {
      ...configured.connect,
      organisationName:
        configured.connect.organisationName ?? (inDemoMode ? DEMO_ORGANISATION_NAME : null),
    },
  };
  const metrics = await openMetricsPort({ config, role: 'all-in-one', coreAddress, logger });
  stops.push(metrics);
  stops.push(await startTracing(config, { role: 'all-in-one', logger }));
  const ring = config.encryptionKeys ?? demoKeyRing(config.dataDir).ring;
  const uri = inDemoMode ? demoDatabase(engines.mongodbUri) : engines.mongodbUri;
  const { store, vault, keyRegistration } = await openStoreAndVault(uri, ring, config, {
    role: 'evergrant',
    logger,
  });
  stops.push(...storeStops({ store, keyRegistration }).toReversed());
  const added = demo === null ? [] : await seedDemoAccounts(demo.sandbox, store, vault, new Date());

  const { temporal } = engines;
  const worker = await startWorker({ config, temporal, store, vault, logger });
  stops.push(worker);
  const port = config.port ?? (await usualOrFreePort(config, logger));
  const api = await serveApi({ config, temporal, store, vault, logger, port });
  stops.push(api);
  const providers = new ConfiguredProviders(config.providers);
  metrics.observe(observed({ store, vault, providers, logger, ...worker.temporal }));
  stops.push({ waitsFor: () => 'nothing', stop: async () => metrics.drain() });
  // Last, because the key is shown only once: a start that fails must not create it.
  const newAdminKey = await createFirstAdminKey(config, store);
  return {
    api,
    worker,
    keyRegistration,
    banner: banner({
      apiUrl: api.url,
      metricsUrl: metrics.url,
      temporalUi: describeTemporalUi(config, engines),
      temporalAddress: engines.temporalAddress,
      temporalCli: engines.temporalCli,
      mongodb: describeMongodb(uri, engines.mongodbStrategy),
      dataDir: config.dataDir,
      demo:
        demo === null
          ? null
          : {
              accounts: added.length,
              shown: added.filter(({ organisation }) => organisation === config.adminOrganisation)
                .length,
              sandboxUrl: demo.sandbox.url,
              connectable: demo.connectable,
            },
      schedules: worker.schedules,
      example: exampleOf(config),
      newAdminKey,
      adminKeyFromEnvironment: config.adminApiKey !== null,
    }),
  };
}

/** The first provider, in the default environment of its adapter. */
function exampleOf({ providers }: Pick<Config, 'providers'>): BannerInput['example'] {
  const [first] = providers;
  if (first === undefined) throw new StartError('No provider is configured.');
  const adapter = first.ownAdapter ?? findAdapter(first.adapter);
  const environment = adapter?.defaultEnvironment ?? 'production';
  return { provider: first.id, environment };
}

function describeTemporalUi(
  { temporal }: Pick<Config, 'temporal'>,
  { temporalAddress }: Engines,
): string {
  if (temporal.uiUrl !== null) return temporal.uiUrl;
  return temporal.connection === null
    ? 'off (TEMPORAL_UI=true starts it; see SECURITY.md)'
    : `external, at ${temporalAddress}`;
}

/** Shows only the database of a configured address, which may contain a password. */
function describeMongodb(uri: string, strategy: string | null): string {
  const database = databaseOf(uri);
  return strategy === null
    ? `external, from MONGODB_URI (database ${database})`
    : `${uri}    (${strategy})`;
}

/** Creates an admin key at the first start, unless ADMIN_API_KEY is set. Its text is shown only then. */
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
  if (port !== USUAL_PORT) logger.info(`port ${USUAL_PORT} is taken, using ${port} for the API`);
  return port;
}
