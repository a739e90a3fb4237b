/**
 * The port for monitoring that every process has: `/metrics` for Prometheus, `/healthz` and `/readyz` for an
 * orchestrator. It asks for no key, so it listens on loopback by default, and names no account and no organisation.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import getPort from 'get-port';
import type { Logger } from 'pino';
import { LOG_SOURCES } from '../domain/logs/log-entry';
import {
  OPENMETRICS_TYPE,
  openMetricsText,
  PROMETHEUS_TYPE,
  prometheusText,
  wantsOpenMetrics,
} from '../metrics/exposition';
import { allowedApps, allowProviders } from '../metrics/label-values';
import {
  buildInfo,
  connectSessionsEnded,
  grantsLost,
  latenessRatio,
  refreshAttempts,
  SPAN_DROP_REASONS,
  tokenAccesses,
  traceSpansDropped,
  unknownOutcomes,
  WEBHOOK_RESULTS,
  webhookAttempts,
} from '../metrics/metrics';
import { metricsText, recordProcess, stopRecording } from '../metrics/registry';
import { TOKEN_ACCESS_SOURCES } from '../store/access/token-accesses';
import type { Config } from './config';
import { asHostError, StartError } from './start-error';
import type { Stoppable } from './stop';
import { type ProcessRole, packageVersion } from './version';

/** The port if `METRICS_PORT` is not set; 9464 is usual for Prometheus exporters of applications. */
const USUAL_PORT = 9464;
/** How many further ports are tried where `METRICS_PORT` is not set: several processes may share a machine. */
const FURTHER_PORTS = 100;
const LOOPBACK = '127.0.0.1';
/** Longest time, in ms, to receive a request; a slower client would only hold the connection. */
const REQUEST_TIMEOUT_MS = 8_000;
const HEADERS_TIMEOUT_MS = 5_000;
const CONNECTIONS_MAX = 50;
/** How long a scrape waits for the metrics of Temporal's core, in ms. */
const CORE_ANSWERS_WITHIN_MS = 2_000;

/** The sources that the port asks once the process has started. */
export interface Observed {
  /** Brings the gauges that are read from the store up to date. Never rejects. */
  refreshGauges(): Promise<void>;
  readiness(): Promise<{ status: 'ready' | 'not_ready' }>;
}

export interface MetricsPort extends Stoppable {
  /** `null`: the port is off. */
  url: string | null;
  /** From here on `/metrics` has the gauges of the store, and `/readyz` may answer 200. */
  observe(observed: Observed): void;
  /** From here on `/readyz` answers 503, because the process stops. */
  drain(): void;
}

interface Options {
  config: Pick<Config, 'metrics' | 'providers'>;
  role: ProcessRole;
  /** Where Temporal's core answers with its metrics; `null`: this process has no worker. */
  coreAddress: string | null;
  logger: Pick<Logger, 'info' | 'warn'>;
}

/** A free loopback address for the metrics of Temporal's core; `null` if no one can read them. */
export async function coreMetricsAddress({
  metrics,
}: Pick<Config, 'metrics'>): Promise<string | null> {
  return metrics.port === 'off' ? null : `${LOOPBACK}:${await getPort({ host: LOOPBACK })}`;
}

/** @throws {StartError} if the configured port is in use */
export async function openMetricsPort(options: Options): Promise<MetricsPort> {
  const { config, role, logger } = options;
  const { host, port } = config.metrics;
  if (port === 'off') {
    stopRecording();
    return { ...NOTHING_TO_STOP, url: null, observe: () => undefined, drain: () => undefined };
  }
  beginSeries(config, role);
  let observed: Observed | null = null;
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: HEADERS_TIMEOUT_MS },
    (request, response) =>
      void answer(request, response, { ...options, observed }).catch(() => response.destroy()),
  );
  server.maxConnections = CONNECTIONS_MAX;
  const bound = await bind(server, host, port);
  if (port === null && bound !== USUAL_PORT)
    logger.info(`port ${USUAL_PORT} is taken, using ${bound} for metrics`);
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
  logger.info({ url: `${url}/metrics` }, 'metrics ready');
  return {
    url,
    observe(given) {
      observed = given;
    },
    drain() {
      observed = observed && { ...observed, readiness: async () => ({ status: 'not_ready' }) };
    },
    waitsFor: () => 'the metrics port to close',
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

const NOTHING_TO_STOP: Stoppable = {
  waitsFor: () => 'the metrics port, which is off',
  stop: async () => undefined,
};

/** Starts the series that rules compare with their past, and says what runs here. */
function beginSeries({ providers }: Pick<Config, 'providers'>, role: ProcessRole): void {
  allowProviders(
    providers.map(({ id, environments }) => ({ id, environments: Object.keys(environments) })),
  );
  for (const app of allowedApps()) {
    unknownOutcomes.start(app);
    grantsLost.start(app);
    connectSessionsEnded.start({ ...app, result: 'connected' });
    for (const source of LOG_SOURCES) {
      refreshAttempts.start({ ...app, source, outcome: 'ok', failure_code: 'none' });
      for (const failure_code of ['key_missing', 'key_mismatch'])
        refreshAttempts.start({ ...app, source, outcome: 'not_sent', failure_code });
    }
  }
  for (const { id } of providers) latenessRatio.start({ provider: id });
  for (const origin of [...TOKEN_ACCESS_SOURCES, 'none']) tokenAccesses.start({ origin });
  for (const result of WEBHOOK_RESULTS) webhookAttempts.start({ result });
  for (const reason of SPAN_DROP_REASONS) traceSpansDropped.start({ reason });
  recordProcess();
  const labels = { version: packageVersion(), node_version: process.version, role };
  buildInfo.replace([{ labels, value: 1 }]);
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { observed, coreAddress, logger }: Options & { observed: Observed | null },
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return send(response, 405, PLAIN, 'Only GET is allowed.\n');
  switch (new URL(request.url ?? '/', 'http://localhost').pathname) {
    case '/metrics': {
      await observed?.refreshGauges();
      const texts = [await metricsText(), await coreMetrics(coreAddress, logger)];
      return wantsOpenMetrics(request.headers.accept)
        ? send(response, 200, OPENMETRICS_TYPE, openMetricsText(texts))
        : send(response, 200, PROMETHEUS_TYPE, prometheusText(texts));
    }
    case '/healthz':
      return send(response, 200, JSON_TYPE, JSON.stringify({ status: 'ok' }));
    case '/readyz': {
      const state = (await observed?.readiness()) ?? { status: 'not_ready' };
      return send(response, state.status === 'ready' ? 200 : 503, JSON_TYPE, JSON.stringify(state));
    }
    default:
      return send(response, 404, PLAIN, 'Only /metrics, /healthz and /readyz exist here.\n');
  }
}

const PLAIN = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json';

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
}

/** The metrics of Temporal's core, or nothing if it does not answer: the others are still worth a scrape. */
async function coreMetrics(address: string | null, logger: Options['logger']): Promise<string> {
  if (address === null) return '';
  try {
    const response = await fetch(`http://${address}/metrics`, {
      signal: AbortSignal.timeout(CORE_ANSWERS_WITHIN_MS),
    });
    return await response.text();
  } catch (error) {
    logger.warn({ err: error }, 'the metrics of the Temporal SDK could not be read');
    return '';
  }
}

/** Binds the configured port, or the usual one or the next that is free. */
async function bind(server: Server, host: string, configured: number | null): Promise<number> {
  const first = configured ?? USUAL_PORT;
  const last = configured ?? USUAL_PORT + FURTHER_PORTS;
  for (let port = first; ; port += 1) {
    try {
      return await listen(server, host, port);
    } catch (error) {
      if (!isInUse(error)) throw asHostError(error, 'METRICS_HOST', host);
      if (port < last) continue;
      throw new StartError(
        configured === null
          ? `No port from ${first} to ${last} on ${host} is free for metrics. Set METRICS_PORT to a free port, or to off.`
          : `Port ${port} on ${host} is in use. Set METRICS_PORT to a free port, or to off.`,
      );
    }
  }
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function isInUse(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
}
