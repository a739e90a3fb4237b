/** The start of every process: read the configuration, open the store and the vault, and explain failures. */
import type { Logger } from 'pino';
import { unreachableText } from '../domain/text/messages';
import { ChangedFile } from '../engines/checked-program';
import { DataDirectoryInUse } from '../engines/data-directory';
import { NoStrategyWorked } from '../engines/strategies';
import { ConfiguredProviders } from '../providers/config/configured-providers';
import { InvalidRowError } from '../store/encryption/row-integrity';
import { IndexProblem } from '../store/mongo/indexes';
import { isDatabaseUnavailable } from '../store/mongo/unavailability';
import { openStore, type Store } from '../store/store';
import type { KeyRing } from '../vault/key-ring';
import { type Vault, VaultSealedError } from '../vault/vault';
import { type Config, ConfigError, loadConfig } from './config';
import { joinKeyRegistry, type KeyRegistration } from './key-registry';
import { createLogger } from './logging';
import { StartError } from './start-error';
import type { Stoppable } from './stop';

/**
 * Opens MongoDB and verifies the encryption keys against it.
 * @param role the kind of process, for people: `worker`
 */
export async function openStoreAndVault(
  uri: string,
  ring: KeyRing,
  config: Pick<Config, 'indexes' | 'logRetentionDays' | 'lostKeyIds' | 'providers'>,
  { role, logger }: { role: string; logger: Pick<Logger, 'debug' | 'error' | 'info' | 'warn'> },
): Promise<{ store: Store; vault: Vault; keyRegistration: KeyRegistration }> {
  const { store, vault } = await openStore(uri, {
    logRetentionDays: config.logRetentionDays,
    rules: new ConfiguredProviders(config.providers).rule,
    ring,
    logger,
    indexes: { mode: config.indexes, logger },
  }).catch((error: unknown) => {
    throw mongodbStartError(error, uri);
  });
  try {
    const keyRegistration = await joinKeyRegistry({
      store,
      vault,
      role,
      lostKeyIds: config.lostKeyIds,
    });
    return { store, vault, keyRegistration };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Returns the parts in the order in which they must be stopped. */
export function storeStops({
  store,
  keyRegistration,
}: {
  store: Store;
  keyRegistration: KeyRegistration;
}): Stoppable[] {
  return [
    {
      waitsFor: () => 'MongoDB: removal of this process from the key registry',
      stop: () => keyRegistration.stop(),
    },
    { waitsFor: () => 'MongoDB: open connections', stop: () => store.close() },
  ];
}

/** Explains a driver error to the operator. The driver's own message may contain the address with its password. */
export function mongodbStartError(error: unknown, uri: string): unknown {
  if (!(error instanceof Error)) return error;
  const code = 'code' in error ? error.code : null;
  const syscall = 'syscall' in error ? error.syscall : null;
  if (error.name === 'MongoParseError') {
    return new StartError(
      'MONGODB_URI is not a valid MongoDB connection string. Write it as mongodb://user:password@host:27017/evergrant, and percent-encode special characters of the password.',
    );
  }
  if (code === 18 || code === 13) {
    return new StartError(
      `MongoDB at ${withoutCredentials(uri)} refused the user or password. Correct MONGODB_URI, or grant the user readWrite on the database.`,
    );
  }
  if (isDatabaseUnavailable(error) || syscall === 'querySrv' || syscall === 'queryTxt') {
    return new StartError(unreachableText('MongoDB', withoutCredentials(uri), 'MONGODB_URI'));
  }
  return error;
}

/** Requires the settings that may be missing only with embedded servers. */
export function requireProductionConfig(config: Config): {
  mongodbUri: string;
  ring: KeyRing;
  temporal: NonNullable<Config['temporal']['connection']>;
} {
  const { mongodbUri, encryptionKeys: ring } = config;
  const temporal = config.temporal.connection;
  const problems: string[] = [];
  if (mongodbUri === null)
    problems.push('MONGODB_URI must be set, e.g. mongodb://localhost:27017/evergrant');
  if (temporal === null) problems.push('TEMPORAL_ADDRESS must be set, e.g. localhost:7233');
  if (ring === null)
    problems.push(
      'ENCRYPTION_KEYS must be set, e.g. k1:$(openssl rand -base64 32); or set ENCRYPTION_KEYS_FILE or ENCRYPTION_KEYS_COMMAND',
    );
  if (config.providers.length === 0) problems.push(noProviderMessage(config));
  if (mongodbUri === null || temporal === null || ring === null || problems.length > 0)
    throw new ConfigError(problems);
  return { mongodbUri, ring, temporal };
}

function noProviderMessage(config: Config): string {
  const missing = config.unconfiguredProviders.map(
    ({ id, missing: names }) => `${id} needs ${names.join(' and ')}`,
  );
  return `no provider is configured${missing.length > 0 ? `: ${missing.join('; ')}` : ': add one to providers.yaml'}`;
}

/**
 * Runs a process from its configuration to its end, and reports a failed start.
 * @param verbose whether a terminal shows every member of a log line
 */
export async function runProcess(
  start: (config: Config, logger: Logger) => Promise<void>,
  { verbose = true }: { verbose?: boolean } = {},
): Promise<void> {
  let logger: Logger | undefined;
  try {
    const config = loadConfig();
    logger = createLogger(config.logLevel, undefined, { verbose });
    await start(config, logger);
  } catch (error) {
    process.exitCode = 1;
    const isForOperator =
      error instanceof ConfigError ||
      error instanceof StartError ||
      error instanceof VaultSealedError ||
      error instanceof IndexProblem ||
      error instanceof InvalidRowError ||
      error instanceof DataDirectoryInUse ||
      error instanceof ChangedFile ||
      error instanceof NoStrategyWorked;
    if (isForOperator) process.stderr.write(`\n${error.message}\n`);
    else
      (logger ?? createLogger('info')).fatal(
        { err: error },
        'Evergrant stopped after an unexpected error',
      );
    // Partly started servers and clients would keep the process alive. Everything that must stop in order has stopped.
    process.exit(1);
  }
}

/** Within this time, in ms, two signals count as one: Ctrl-C in a terminal arrives directly and through npm. */
const SAME_REQUEST_WITHIN_MS = 1_000;

const STOPPED_IMMEDIATELY =
  'stopped immediately. The response to a refresh in flight is lost. If the provider rotates refresh tokens, the account may have to be reconnected. The next start detects such a refresh and logs it.';

/** Resolves with the first SIGINT or SIGTERM. A second one stops the process immediately. */
export function stopRequested(logger: Logger): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let requestedAt: number | null = null;
    const onSignal = (signal: NodeJS.Signals) => {
      if (requestedAt !== null) {
        if (performance.now() - requestedAt <= SAME_REQUEST_WITHIN_MS) return;
        logger.warn({ signal }, STOPPED_IMMEDIATELY);
        process.exit(1);
      }
      requestedAt = performance.now();
      logger.info(
        { signal },
        signal === 'SIGINT'
          ? 'stopping: work in flight is finished first (press Ctrl-C again to stop immediately)'
          : 'stopping: work in flight is finished first (a second signal stops immediately)',
      );
      resolve(signal);
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  });
}

function withoutCredentials(uri: string): string {
  return uri.replace(/\/\/[^@/]*@/, '//');
}
