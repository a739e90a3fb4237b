/** The registry of a process's metrics, and the only module that uses `prom-client`. `metrics.ts` declares the metrics. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type Labels<Name extends string> = Record<Name, string>;

const registry = new Registry();
let isRecording = true;

/** Ends recording in this process, because no one can read the metrics: `METRICS_PORT=off`. */
export function stopRecording(): void {
  isRecording = false;
}

/** Adds the metrics of Node: CPU time, memory, event loop lag, open files. Call it once per process. */
export function recordProcess(): void {
  collectDefaultMetrics({ register: registry });
}

export function counter<Name extends string = never>(
  name: `evergrant_${string}_total`,
  help: string,
  labelNames: readonly Name[] = [],
) {
  const metric = new Counter({ name, help, labelNames: [...labelNames], registers: [registry] });
  return {
    add(labels: Labels<Name>, by = 1): void {
      if (isRecording) metric.inc(labels, by);
    },
    /** Starts the series at 0, so that the first event is an increase that rules can see. */
    start(labels: Labels<Name>): void {
      metric.inc(labels, 0);
    },
  };
}

export function histogram<Name extends string = never>(
  name: `evergrant_${string}`,
  help: string,
  buckets: readonly number[],
  labelNames: readonly Name[] = [],
) {
  const metric = new Histogram({
    name,
    help,
    buckets: [...buckets],
    labelNames: [...labelNames],
    registers: [registry],
  });
  return {
    observe(labels: Labels<Name>, value: number): void {
      if (isRecording) metric.observe(labels, value);
    },
    /** Starts the series at 0, so that the first value is an increase that rules can see. */
    start(labels: Labels<Name>): void {
      metric.zero(labels);
    },
  };
}

export interface Row<Name extends string> {
  labels: Labels<Name>;
  value: number;
}

export function gauge<Name extends string = never>(
  name: `evergrant_${string}`,
  help: string,
  labelNames: readonly Name[] = [],
) {
  const metric = new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] });
  return {
    /** Replaces all series of the gauge, so that a row that is gone is not shown any more. */
    replace(rows: readonly Row<Name>[]): void {
      metric.reset();
      // A gauge without labels shows 0 after a reset, which would look like a value.
      if (labelNames.length === 0 && rows.length === 0) metric.remove();
      for (const { labels, value } of rows) metric.set(labels, value);
    },
  };
}

/** All metrics in the text format of Prometheus, version 0.0.4. */
export function metricsText(): Promise<string> {
  return registry.metrics();
}
