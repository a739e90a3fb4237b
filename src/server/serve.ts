/** Serves the API over HTTP, and stops it without cutting off who is being answered. */
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import { connectTemporal, StartError } from '../bootstrap';
import type { Config } from '../config';
import { ConfiguredProviders } from '../providers/configured-providers';
import { registerSearchAttributes } from '../register-search-attributes';
import type { Store } from '../store/store';
import type { Vault } from '../vault/vault';
import { createListener } from './app';
import { createAuditLog } from './audit-log';
import type { ApiDependencies } from './dependencies';
import { createEncryptionClient } from './encryption-client';
import { createHandoutLog } from './handout-log';
import { createRefreshClient } from './refresh-client';
import { IMPORT_PATH } from './routes/import-accounts';
import { createScheduleClient } from './schedule-client';
import { createWorkflowClient } from './workflow-client';

const STOP_MAX_MS = 15_000;
/** An import is received as fast as it is stored; Node would cut it off after five minutes. */
const IMPORT_WITHIN_MS = 60 * 60_000;
/** All other requests are small: who takes longer holds a connection for its own sake. */
const RECEIVE_WITHIN_MS = 30_000;
const HEADERS_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 2_000;
const CONNECTIONS_MAX = 5_000;

export interface ServeInput {
  config: Config;
  temporal: NonNullable<Config['temporal']['connection']>;
  store: Store;
  vault: Vault;
  logger: Logger;
  port: number;
}

export interface RunningApi {
  url: string;
  /** Takes no more requests, answers those it has, and disconnects. */
  stop(): Promise<void>;
}

const now = () => new Date();

export async function serveApi({
  config,
  temporal,
  store,
  vault,
  logger,
  port,
}: ServeInput): Promise<RunningApi> {
  const { namespace, taskQueue, uiUrl } = config.temporal;
  const providers = new ConfiguredProviders(config.providers);
  const connection = await connectTemporal(temporal, namespace);
  await registerSearchAttributes(connection, namespace);
  const client = new Client({ connection, namespace });
  const stopping = new AbortController();
  warnOfConfiguration(config, logger);
  const { auditRetentionDays: retentionDays } = config;
  const audit = createAuditLog({ store, vault, retentionDays, now });
  const handouts = createHandoutLog(store.tokenHandouts, audit, logger);
  const listener = createListener({
    store,
    vault,
    providers,
    refreshes: createRefreshClient(client, taskQueue, store),
    schedules: createScheduleClient(client, providers, taskQueue),
    workflows: createWorkflowClient(client, taskQueue, uiUrl),
    encryption: createEncryptionClient(client, taskQueue),
    handouts,
    audit,
    logger,
    configuredKeys: configuredKeys(config),
    jwt: config.jwt,
    oidc: config.oidc,
    webhooks: config.webhooks,
    now,
    stopping: stopping.signal,
  });
  const server = await listen(listener, config.host, port);
  const address = server.address();
  const boundPort = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${boundPort}`,
    async stop() {
      stopping.abort();
      await close(server);
      await handouts.stop();
      await connection.close();
    },
  };
}

/** Keys given by the environment; those in the store come beside them. */
function configuredKeys(config: Config): ApiDependencies['configuredKeys'] {
  const organisation = config.adminOrganisation;
  const keys: ApiDependencies['configuredKeys'] = [];
  if (config.adminApiKey !== null) {
    keys.push({
      key: config.adminApiKey,
      principal: { keyId: 'ADMIN_API_KEY', organisation, scopes: ['admin'] },
    });
  }
  if (config.internalApiKey !== null) {
    keys.push({
      key: config.internalApiKey,
      principal: { keyId: 'INTERNAL_API_KEY', organisation, scopes: ['internal'] },
    });
  }
  return keys;
}

function listen(listener: RequestListener, hostname: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const options = {
      requestTimeout: IMPORT_WITHIN_MS,
      headersTimeout: HEADERS_WITHIN_MS,
      connectionsCheckingInterval: LOOK_EVERY_MS,
    };
    const server = createServer(options, listener);
    server.listen(port, hostname, () => resolve(server));
    server.maxConnections = CONNECTIONS_MAX;
    server.on('request', cutOffWhenSlow);
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      reject(
        taken
          ? new StartError(`Port ${port} on ${hostname} is taken. Set PORT to a free one.`)
          : error,
      );
    });
  });
}

/** Node knows one time for all requests, and that of an import is too long for the others. */
function cutOffWhenSlow(incoming: IncomingMessage): void {
  if (incoming.url?.startsWith(IMPORT_PATH)) return;
  const timer = setTimeout(() => {
    if (!incoming.complete) incoming.socket.destroy();
  }, RECEIVE_WITHIN_MS).unref();
  incoming.once('end', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
}

/** What is allowed, and wise only in special cases. */
function warnOfConfiguration({ jwt }: Config, logger: Logger): void {
  if (jwt !== null && 'jwksUrl' in jwt.keys && jwt.audience === null) {
    logger.warn(
      'JWKS_URL is set without JWT_AUDIENCE: a JWT that the issuer made for any other service is accepted here. Set JWT_AUDIENCE.',
    );
  }
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => {
      server.closeAllConnections();
    }, STOP_MAX_MS);
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    server.closeIdleConnections();
  });
}
