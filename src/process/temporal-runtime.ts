/** Installs Temporal's native runtime of a worker: its logs go to the process's logger, and its metrics to a loopback port. */
import {
  DefaultLogger,
  type MetricsExporterConfig,
  makeTelemetryFilterString,
  Runtime,
} from '@temporalio/worker';
import type { Logger } from 'pino';

/**
 * Routes the logs of workflows, activities and Temporal's core to `logger`. Call it once per process.
 * @param metricsAddress where Temporal's core answers with its metrics; `null`: it records none
 */
export function installTemporalRuntime(logger: Logger, metricsAddress: string | null): void {
  Runtime.install({
    logger: new DefaultLogger('TRACE', ({ level, message, meta }) => {
      const own = DETAILS.has(message) ? 'debug' : PINO_LEVELS[level];
      logger[own](chosenFields(meta ?? {}), message);
    }),
    telemetryOptions: {
      logging: { filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }), forward: {} },
      ...(metricsAddress === null ? {} : { metrics: metricsOptions(metricsAddress) }),
    },
  });
}

/** The names and units that Prometheus expects: counters end in `_total`, durations are in seconds. */
function metricsOptions(bindAddress: string): MetricsExporterConfig {
  return {
    attachServiceName: false,
    prometheus: {
      bindAddress,
      countersTotalSuffix: true,
      unitSuffix: true,
      useSecondsForDurations: true,
    },
  };
}

/** Messages of the SDK about the set-up of a worker, which is always as intended. */
const DETAILS = new Set([
  'Worker state changed',
  'No Nexus services registered, not polling for Nexus tasks',
  'No workflows registered, not polling for workflow tasks',
]);

/** Members of Temporal's context that only lengthen lines. The workflow id and the run id are kept. */
const OMITTED = new Set([
  'timestampNanos',
  'taskToken',
  'taskQueue',
  'namespace',
  'workflowNamespace',
  'isLocal',
  'activityId',
  'attempt',
]);

function chosenFields(meta: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(meta).filter(([name]) => !OMITTED.has(name)));
}

const PINO_LEVELS = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
} as const;
