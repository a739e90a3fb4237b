/** What every process does first: read the configuration, open the store and the vault, and say clearly why not. */
import { Connection, isGrpcServiceError } from '@temporalio/client';
import type { Logger } from 'pino';
import { type Config, ConfigError, loadConfig } from './config';
import { DataDirectoryInUse } from './engines/data-directory';
import { NoWayWorked } from './engines/ways';
import { type KeyCustody, takeCustody } from './key-custody';
import { createLogger } from './logging';
import { ConfiguredProviders } from './providers/configured-providers';
import { isDatabaseUnavailable } from './store/database';
import { openStore, type Store } from './store/store';
import type { KeyRing } from './vault/key-ring';
import { Vault, VaultSealedError } from './vault/vault';

/** A reason not to start, said in a sentence; no stack helps whoever reads it. */
export class StartError extends Error {
  override name = 'StartError';
}

/**
 * Opens MongoDB and proves the encryption keys against it.
 * @param role what this process is, for people: `worker`
 */
export async function openStoreAndVault(
  uri: string,
  ring: KeyRing,
  config: Pick<Config, 'logRetentionDays' | 'lostKeyIds' | 'providers'>,
  role: string,
): Promise<{ store: Store; vault: Vault; custody: KeyCustody }> {
  let store: Store;
  try {
    store = await openStore(uri, {
      logRetentionDays: config.logRetentionDays,
      rules: new ConfiguredProviders(config.providers).rule,
    });
  } catch (error) {
    throw mongodbStartError(error, uri);
  }
  try {
    const vault = await Vault.open(ring, store.settings);
    const custody = await takeCustody({ store, vault, role, lostKeyIds: config.lostKeyIds });
    return { store, vault, custody };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** What a driver's error means to whoever starts Evergrant; its own words may quote the address with its password. */
function mongodbStartError(error: unknown, uri: string): unknown {
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

const TEMPORAL_ANSWERS_WITHIN_MS = 10_000;
/** gRPC's status codes. */
const NOT_FOUND: number = 5;
const REFUSED: readonly number[] = [7, 16];

/** Connects to Temporal and makes sure that it has the namespace. */
export async function connectTemporal(
  temporal: NonNullable<Config['temporal']['connection']>,
  namespace: string,
): Promise<Connection> {
  const address = temporal.address ?? 'localhost:7233';
  const unreachable = new StartError(
    `Temporal is unreachable at ${address}. Start it, or correct TEMPORAL_ADDRESS (and TEMPORAL_TLS… where it asks for TLS).`,
  );
  let connection: Connection;
  try {
    connection = await Connection.connect(temporal);
  } catch {
    throw unreachable;
  }
  try {
    await connection.withDeadline(Date.now() + TEMPORAL_ANSWERS_WITHIN_MS, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
    return connection;
  } catch (error) {
    await connection.close();
    const code: number | null = isGrpcServiceError(error) ? error.code : null;
    if (code === NOT_FOUND) {
      throw new StartError(
        `Temporal at ${address} has no namespace "${namespace}". Create it (temporal operator namespace create --namespace ${namespace}), or correct TEMPORAL_NAMESPACE.`,
      );
    }
    if (code !== null && REFUSED.includes(code)) {
      throw new StartError(
        `Temporal at ${address} does not let us use the namespace "${namespace}". Correct TEMPORAL_API_KEY or the TLS certificate.`,
      );
    }
    throw code === null ? error : unreachable;
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

/** Runs a process from its configuration to its end; whatever stops the start is said in one place. */
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
      error instanceof DataDirectoryInUse ||
      error instanceof NoWayWorked;
    if (told) process.stderr.write(`\n${error.message}\n`);
    else (logger ?? createLogger('info')).fatal({ err: error }, 'Evergrant could not go on');
    // Half-started engines and clients would keep the process alive; all that mattered was stopped on the way here.
    process.exit(1);
  }
}

/**
 * One Ctrl-C may arrive twice: from the terminal, and passed on by npm. What comes this soon after the first is no
 * second thought.
 */
const SAME_REQUEST_WITHIN_MS = 1_000;

/** Resolves with the first signal that asks the process to end; a second one ends it at once. */
export function stopRequested(logger: Logger): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let askedAt: number | null = null;
    const onSignal = (signal: NodeJS.Signals) => {
      if (askedAt !== null) {
        if (performance.now() - askedAt > SAME_REQUEST_WITHIN_MS) process.exit(1);
        return;
      }
      askedAt = performance.now();
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
