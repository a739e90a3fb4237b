/** The start of every process: read the configuration, open the store and the vault, and explain failures. */
import type { Logger } from 'pino';
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
  { role, logger }: { role: string; logger: Pick<Logger, 'error' | 'info' | 'warn'> },
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

/** In the order in which they must be stopped. */
export function storeStops({
  store,
  keyRegistration,
}: {
  store: Store;
  keyRegistration: KeyRegistration;
}): Stoppable[] {
  return [
    { waitsFor: () => 'MongoDB: this process is signed off', stop: () => keyRegistration.stop() },
    { waitsFor: () => 'MongoDB: connections are closed', stop: () => store.close() },
  ];
}

/** Explains a driver error to the operator. The driver's own message may contain the address with its password. */
export function mongodbStartError(error: unknown, uri: string): unknown {
  if (!(error instanceof Error)) return error;
  const code = 'code' in error ? error.code : null;
  const syscall = 'syscall' in error ? error.syscall : null;
  if (error.name === 'MongoParseError') {
    return new StartError(
      'MONGODB_URI is not an address that the MongoDB driver understands. It looks like mongodb://user:password@host:27017/evergrant, with special characters of the password percent-encoded.',
    );
  }
  if (code === 18 || code === 13) {
    return new StartError(
      `MongoDB at ${withoutCredentials(uri)} refuses the user or password. Correct MONGODB_URI, or give that user readWrite on the database.`,
    );
  }
  if (isDatabaseUnavailable(error) || syscall === 'querySrv' || syscall === 'queryTxt') {
    return new StartError(
      `MongoDB is unreachable at ${withoutCredentials(uri)}. Start it, or correct MONGODB_URI.`,
    );
  }
  return error;
}

/** Requires the settings that an embedded start provides for itself. */
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
      'ENCRYPTION_KEYS must be set: kid:base64, e.g. k1:$(openssl rand -base64 32); or ENCRYPTION_KEYS_FILE, or ENCRYPTION_KEYS_COMMAND',
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

/** Runs a process from configuration to end; the only place that reports a failed start. */
export async function runProcess(
  start: (config: Config, logger: Logger) => Promise<void>,
): Promise<void> {
  let logger: Logger | undefined;
  try {
    const config = loadConfig();
    logger = createLogger(config.logLevel);
    await start(config, logger);
  } catch (error) {
    process.exitCode = 1;
    const told =
      error instanceof ConfigError ||
      error instanceof StartError ||
      error instanceof VaultSealedError ||
      error instanceof IndexProblem ||
      error instanceof InvalidRowError ||
      error instanceof DataDirectoryInUse ||
      error instanceof ChangedFile ||
      error instanceof NoStrategyWorked;
    if (told) process.stderr.write(`\n${error.message}\n`);
    else (logger ?? createLogger('info')).fatal({ err: error }, 'Evergrant could not go on');
    // Partly started servers and clients would keep the process alive. Everything that must stop in order has stopped.
    process.exit(1);
  }
}

/** Within this time, in ms, two signals count as one: Ctrl-C in a terminal arrives directly and through npm. */
const SAME_REQUEST_WITHIN_MS = 1_000;

const STOPPED_AT_ONCE =
  'stopped at once. The answer to a refresh that was in flight is lost; where a provider replaces refresh tokens, the account may have to be reconnected. The next start finds such a refresh and logs it.';

/** Resolves with the first signal that asks the process to stop; a second one stops it at once. */
export function stopRequested(logger: Logger): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let askedAt: number | null = null;
    const onSignal = (signal: NodeJS.Signals) => {
      if (askedAt !== null) {
        if (performance.now() - askedAt <= SAME_REQUEST_WITHIN_MS) return;
        logger.warn({ signal }, STOPPED_AT_ONCE);
        process.exit(1);
      }
      askedAt = performance.now();
      logger.info(
        { signal },
        signal === 'SIGINT'
          ? 'stopping: what is in flight is finished first (Ctrl-C again stops at once)'
          : 'stopping: what is in flight is finished first (the signal again stops at once)',
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
