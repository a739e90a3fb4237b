/** Starts the export of traces where `OTEL_EXPORTER_OTLP_ENDPOINT` is set, and loads OpenTelemetry only then. */
import type { Logger } from 'pino';
import { traceWith } from '../tracing/span';
import type { Config } from './config';
import type { Stoppable } from './stop';
import { type ProcessRole, packageVersion } from './version';

const SERVICE_NAMES: Record<ProcessRole, string> = {
  api: 'evergrant-api',
  worker: 'evergrant-worker',
  'all-in-one': 'evergrant',
};

/** Call it once per process, before the parts that it traces start. The stop must come after theirs. */
export async function startTracing(
  { tracing }: Pick<Config, 'tracing'>,
  { role, logger }: { role: ProcessRole; logger: Pick<Logger, 'info' | 'warn'> },
): Promise<Stoppable> {
  if (tracing === null) return NOTHING_TO_STOP;
  const { createOtlpTracer } = await import('../tracing/otlp.js');
  const { url, serviceName } = tracing;
  const service = { name: serviceName ?? SERVICE_NAMES[role], version: packageVersion() };
  const tracer = createOtlpTracer({ url, service, logger });
  traceWith(tracer);
  logger.info({ service: service.name }, 'traces are exported');
  return {
    waitsFor: () => 'the collector, which receives the last traces',
    async stop() {
      traceWith(null);
      await tracer.stop();
    },
  };
}

const NOTHING_TO_STOP: Stoppable = {
  waitsFor: () => 'the traces, which are not exported',
  stop: async () => undefined,
};
