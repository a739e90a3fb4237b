/** What every process does first: read the configuration, open the store and the vault, and say clearly why not. */
import type { Logger } from 'pino';
import { type Config, ConfigError, loadConfig } from './config';
import { DataDirectoryInUse } from './engines/data-directory';
import { NoWayWorked } from './engines/ways';
import { createLogger, installTemporalLogger } from './logging';
import { isDatabaseUnavailable } from './store/database';
import { openStore, type Store } from './store/store';
import type { KeyRing } from './vault/key-ring';
import { Vault, VaultSealedError } from './vault/vault';

/** A reason not to start, said in a sentence; no stack helps whoever reads it. */
export class StartError extends Error {
  override name = 'StartError';
}

/** Opens MongoDB and proves the encryption key against it. */
export async function openStoreAndVault(
  uri: string,
  ring: KeyRing,
  options: { logRetentionDays: number },
): Promise<{ store: Store; vault: Vault }> {
  let store: Store;
  try {
    store = await openStore(uri, options);
  } catch (error) {
    if (!isDatabaseUnavailable(error)) throw error;
    throw new StartError(
      `MongoDB is unreachable at ${withoutCredentials(uri)}. Start it, or correct MONGODB_URI.`,
    );
  }
  try {
    return { store, vault: await Vault.open(ring, store.settings) };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** What the production processes need and an embedded start makes for itself. */
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
    problems.push('ENCRYPTION_KEYS must be set: kid:base64, e.g. k1:$(openssl rand -base64 32)');
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

/** Runs a process from its configuration to its end; whatever stops the start is said in one place. */
export async function runProcess(
  start: (config: Config, logger: Logger) => Promise<void>,
): Promise<void> {
  let logger: Logger | undefined;
  try {
    const config = loadConfig();
    logger = createLogger(config.logLevel);
    installTemporalLogger(logger);
    await start(config, logger);
  } catch (error) {
    process.exitCode = 1;
    const told =
      error instanceof ConfigError ||
      error instanceof StartError ||
      error instanceof VaultSealedError ||
      error instanceof DataDirectoryInUse ||
      error instanceof NoWayWorked;
    if (told) process.stderr.write(`\n${error.message}\n`);
    else (logger ?? createLogger('info')).fatal({ err: error }, 'Evergrant could not go on');
    // Half-started engines and clients would keep the process alive; all that mattered was stopped on the way here.
    process.exit(1);
  }
}

/** Resolves with the first signal that asks the process to end; a second one ends it at once. */
export function stopRequested(logger: Logger): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = (signal: NodeJS.Signals) => {
      if (asked) process.exit(1);
      asked = true;
      logger.info(
        { signal },
        'stopping: what is in flight is finished first (again to stop at once)',
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
