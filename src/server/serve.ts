/** Serves the API over HTTP, and answers the requests in flight before it stops. */
import { setMaxListeners } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import { IMPORT_PATH } from '../api/routes/accounts/import-accounts';
import { safeError } from '../domain/masking/safe-error';
import type { ApiDependencies } from '../http/dependencies';
import { TrustedProxies } from '../http/trusted-proxies';
import type { Config } from '../process/config';
import { asHostError, StartError } from '../process/start-error';
import { ConfiguredProviders } from '../providers/config/configured-providers';
import { createConsentClient } from '../providers/consent/consent-client';
import { createTransport } from '../providers/exchange/transport';
import { createAuditAnchors } from '../services/audit/audit-anchors';
import { createAuditLog } from '../services/audit/audit-log';
import { OrganisationSettings } from '../services/connect/connect-settings';
import { dropUnfinished } from '../services/connect/finish-session';
import { endInterruptedExchanges } from '../services/connect/interrupted-exchanges';
import type { TemporalSources } from '../services/metrics/store-gauges';
import { createTokenAccessLog } from '../services/tokens/token-access-log';
import type { Store } from '../store/store';
import { connectTemporal } from '../temporal/connect';
import { createConnectClient } from '../temporal/connect-client';
import { createEncryptionClient } from '../temporal/encryption-client';
import { createRefreshClient } from '../temporal/refresh-client';
import { registerSearchAttributes } from '../temporal/register-search-attributes';
import { createScheduleClient } from '../temporal/schedule-client';
import { createWorkflowClient } from '../temporal/workflow-client';
import type { Vault } from '../vault/vault';
import { apiHeaders, createListener } from './app';
import { CLOSE_MAX_MS, closable } from './close-server';
import { answerMalformedRequests } from './malformed-requests';

/** Longest import, in ms: its body is received only as fast as it is stored. Node's default cuts it off after 5 min. */
const IMPORT_TIMEOUT_MS = 60 * 60_000;
/** Longest time, in ms, to receive any other request; a slower client would only hold the connection. */
const REQUEST_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 10_000;
const TIMEOUT_CHECK_INTERVAL_MS = 2_000;
/** Interval, in ms, of the search for consents that no application finished, and for interrupted exchanges. */
const END_SESSIONS_EVERY_MS = 60_000;
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
  /** For the metrics port. */
  temporal: TemporalSources;
  /** Says, for the operator, what the stop waits for. */
  waitsFor(): string;
  /** Accepts no new requests, answers the requests in flight, and disconnects. */
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
  // Each open stream adds a listener, so Node's warning of a leak would be wrong.
  setMaxListeners(0, stopping.signal);
  warnOfConfiguration(config, logger);
  const anchors = createAuditAnchors({ client, taskQueue, store, logger, now });
  const audit = createAuditLog({
    store,
    vault,
    retentionDays: config.auditRetentionDays,
    now,
    onHead: (organisation, head) => anchors.note('actions', organisation, head),
  });
  const tokenAccesses = createTokenAccessLog({
    tokenAccesses: store.tokenAccesses,
    vault,
    logger,
    required: config.auditRequired,
    now,
    onHead: (organisation, head) => anchors.note('token-accesses', organisation, head),
  });
  const connectClient = createConnectClient(client, taskQueue);
  const consent = createConsentClient({ transport: createTransport(), now });
  const connecting = { store, vault, providers, consent, connect: connectClient, logger, now };
  const endingSessions = setInterval(() => {
    Promise.all([dropUnfinished(connecting), endInterruptedExchanges(connecting)]).catch(
      (error: unknown) => logger.warn(safeError(error), 'connect sessions could not be ended'),
    );
  }, END_SESSIONS_EVERY_MS).unref();
  const refreshes = createRefreshClient(client, taskQueue, store);
  const schedules = createScheduleClient(client, providers, taskQueue);
  const listener = createListener({
    store,
    vault,
    providers,
    refreshes,
    schedules,
    workflows: createWorkflowClient(client, taskQueue, uiUrl),
    encryption: createEncryptionClient(client, taskQueue),
    tokenAccesses,
    audit,
    anchors,
    logger,
    configuredKeys: configuredKeys(config),
    jwt: config.jwt,
    oidc: config.oidc,
    publicUrl: config.publicUrl,
    trustedProxies: new TrustedProxies(config.trustedProxies),
    configured: config,
    webhooks: config.webhooks,
    consent,
    connect: connectClient,
    connectSettings: new OrganisationSettings({ store, now, defaults: config.connect }),
    now,
    stopping: stopping.signal,
  });
  const server = await listen(listener, config.host, port);
  answerMalformedRequests(server, await apiHeaders());
  const connections = closable(server);
  const address = server.address();
  const boundPort = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${boundPort}`,
    temporal: { schedules, pingTemporal: () => refreshes.ping() },
    waitsFor() {
      const inFlight = connections.requestsInFlight();
      if (inFlight === 0) return 'the API: it disconnects from Temporal';
      return `the API: ${inFlight} ${inFlight === 1 ? 'request' : 'requests'} in flight, at most ${CLOSE_MAX_MS / 1000} s`;
    },
    async stop() {
      stopping.abort();
      clearInterval(endingSessions);
      await connections.close();
      await tokenAccesses.stop();
      await anchors.stop();
      await connection.close();
    },
  };
}

/** The API keys from the environment, in addition to the keys in the store. */
function configuredKeys(config: Config): ApiDependencies['configuredKeys'] {
  const organisation = config.adminOrganisation;
  const keys: ApiDependencies['configuredKeys'] = [];
  if (config.adminApiKey !== null) {
    keys.push({
      key: config.adminApiKey,
      principal: { keyId: 'ADMIN_API_KEY', organisation, scopes: ['admin', 'operator'] },
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
      requestTimeout: IMPORT_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS,
    };
    const server = createServer(options, listener);
    server.listen(port, hostname, () => resolve(server));
    server.maxConnections = CONNECTIONS_MAX;
    server.on('request', cutOffWhenSlow);
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      reject(
        taken
          ? new StartError(`Port ${port} on ${hostname} is in use. Set PORT to a free port.`)
          : asHostError(error, 'HOST', hostname),
      );
    });
  });
}

/** Node has one timeout for all requests, and the timeout of an import is too long for the others. */
function cutOffWhenSlow(incoming: IncomingMessage): void {
  if (incoming.url?.startsWith(IMPORT_PATH)) return;
  const timer = setTimeout(() => {
    if (!incoming.complete) incoming.socket.destroy();
  }, REQUEST_TIMEOUT_MS).unref();
  incoming.once('end', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
}

/** Warns of settings that are allowed but usually wrong. */
function warnOfConfiguration({ jwt, publicUrl, trustedProxies }: Config, logger: Logger): void {
  if (publicUrl?.protocol === 'https:' && trustedProxies.length === 0) {
    logger.warn(
      'PUBLIC_URL is https and TRUSTED_PROXIES is not set: cookies are not limited to https, and all clients behind the proxy count as one address. Set TRUSTED_PROXIES to the address of the proxy.',
    );
  }
  if (jwt !== null && 'jwksUrl' in jwt.keys && jwt.audience === null) {
    logger.warn(
      'JWKS_URL is set without JWT_AUDIENCE: a JWT that the issuer made for any other service is accepted here. Set JWT_AUDIENCE.',
    );
  }
}
