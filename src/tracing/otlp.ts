/** Exports spans with OpenTelemetry, as OTLP over HTTP. The only module that imports OpenTelemetry; loaded if it is needed. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Span as OpenTelemetrySpan,
  type Tracer as OpenTelemetryTracer,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import type { Logger } from 'pino';
import { traceSpansDropped } from '../metrics/metrics';
import {
  NO_SPAN,
  SPAN_ATTRIBUTES,
  SPAN_NAMES,
  type Span,
  type SpanAttributes,
  type SpanName,
  type Tracer,
} from './span';

/** Spans that wait for their export or are being exported. Beyond it, spans are dropped, so that memory stays bounded. */
const PENDING_MAX = 2_048;
/** How long, in ms, a span may wait for others to be exported with it. */
const EXPORT_EVERY_MS = 2_000;
/** How long, in ms, one export may take with its retries; its spans are dropped then. */
const EXPORT_MAX_MS = 3_000;
/** How long, in ms, a stop waits for the last exports, each of which takes at most {@link EXPORT_MAX_MS}; it then gives up. */
const STOP_MAX_MS = 4_000;
/** Longest attribute, in characters; a longer one is cut off. */
const ATTRIBUTE_MAX_LENGTH = 256;

const KINDS: Partial<Record<SpanName, SpanKind>> = {
  'refresh request': SpanKind.CLIENT,
  'refresh attempt': SpanKind.SERVER,
  'provider request': SpanKind.CLIENT,
};

export interface OtlpOptions {
  /** The collector's address for traces. */
  url: string;
  service: { name: string; version: string };
  logger: Pick<Logger, 'info' | 'warn'>;
}

/** A tracer whose spans go to a collector. Calls never throw and never wait for it. */
export function createOtlpTracer({ url, service, logger }: OtlpOptions): Tracer & {
  /** Exports the spans that have ended, for at most {@link STOP_MAX_MS}. */
  stop(): Promise<void>;
} {
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: EXPORT_MAX_MS });
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({
      'service.name': service.name,
      'service.version': service.version,
    }),
    spanLimits: { attributeValueLengthLimit: ATTRIBUTE_MAX_LENGTH },
    spanProcessors: [new BoundedExport(exporter, logger)],
  });
  const tracer = provider.getTracer('evergrant');
  return {
    begin: (name, attributes, parent) =>
      new RecordedSpan(tracer, name, attributes, spanContextOf(parent)),
    async stop() {
      const waiting = new AbortController();
      const { signal } = waiting;
      await Promise.race([
        provider.shutdown().catch(() => undefined),
        delay(STOP_MAX_MS, undefined, { signal }).catch(() => undefined),
      ]);
      waiting.abort();
    },
  };
}

class RecordedSpan implements Span {
  readonly context: string | undefined;
  readonly traceId: string | undefined;
  readonly #tracer: OpenTelemetryTracer;
  readonly #span: OpenTelemetrySpan;

  constructor(
    tracer: OpenTelemetryTracer,
    name: SpanName,
    attributes: SpanAttributes,
    parent: SpanContext | null,
  ) {
    const within = parent === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
    this.#tracer = tracer;
    this.#span = tracer.startSpan(name, { kind: KINDS[name] ?? SpanKind.INTERNAL }, within);
    const { traceId, spanId, traceFlags } = this.#span.spanContext();
    this.context = `00-${traceId}-${spanId}-${traceFlags & TraceFlags.SAMPLED ? '01' : '00'}`;
    this.traceId = this.#span.isRecording() ? traceId : undefined;
    this.set(attributes);
  }

  begin(name: SpanName, attributes: SpanAttributes = {}): Span {
    return this.traceId === undefined
      ? NO_SPAN
      : new RecordedSpan(this.#tracer, name, attributes, this.#span.spanContext());
  }

  set(attributes: SpanAttributes): void {
    for (const [name, value] of Object.entries(attributes))
      if (value !== null) this.#span.setAttribute(name, value);
  }

  end(failure: string | null = null): void {
    if (failure !== null) {
      this.set({ 'error.type': failure });
      this.#span.setStatus({ code: SpanStatusCode.ERROR });
    }
    this.#span.end();
  }
}

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-0([01])$/;

/** `null` if there is no parent, or if it is not in the form of {@link RecordedSpan.context}. */
function spanContextOf(parent: string | undefined): SpanContext | null {
  const [, traceId, spanId, sampled] = TRACEPARENT.exec(parent ?? '') ?? [];
  if (traceId === undefined || spanId === undefined) return null;
  const traceFlags = sampled === '1' ? TraceFlags.SAMPLED : TraceFlags.NONE;
  return { traceId, spanId, traceFlags, isRemote: true };
}

/**
 * Exports spans in batches. Counts the spans that it drops, because the queue is full or the collector did not take them,
 * and logs when that begins and ends.
 */
class BoundedExport implements SpanProcessor {
  readonly #batches: BatchSpanProcessor;
  readonly #logger: Pick<Logger, 'info' | 'warn'>;
  #pending = 0;
  #isFailing = false;

  constructor(exporter: SpanExporter, logger: Pick<Logger, 'info' | 'warn'>) {
    this.#logger = logger;
    const outlet: SpanExporter = {
      export: (spans, done) =>
        exporter.export(spans.map(withAllowedMembers), (result) => {
          this.#pending -= spans.length;
          this.#exported(spans.length, result.code === ExportResultCode.SUCCESS);
          // A failure is counted and logged here; an error would reach OpenTelemetry's own handler.
          done({ code: ExportResultCode.SUCCESS });
        }),
      shutdown: () => exporter.shutdown(),
    };
    this.#batches = new BatchSpanProcessor(outlet, {
      maxQueueSize: PENDING_MAX,
      maxExportBatchSize: PENDING_MAX / 4,
      scheduledDelayMillis: EXPORT_EVERY_MS,
      exportTimeoutMillis: 2 * EXPORT_MAX_MS,
    });
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (this.#pending >= PENDING_MAX) {
      traceSpansDropped.add({ reason: 'queue_full' });
      return;
    }
    this.#pending += 1;
    this.#batches.onEnd(span);
  }

  forceFlush(): Promise<void> {
    return this.#batches.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.#batches.shutdown();
  }

  #exported(spans: number, isDone: boolean): void {
    if (!isDone) traceSpansDropped.add({ reason: 'not_exported' }, spans);
    if (isDone !== this.#isFailing) return;
    this.#isFailing = !isDone;
    // The exporter's error may name headers, so only the fact is logged.
    if (isDone) this.#logger.info('traces are exported again');
    else
      this.#logger.warn(
        'traces are not exported: the collector at OTEL_EXPORTER_OTLP_ENDPOINT does not accept them. Refreshes continue',
      );
  }
}

const ALLOWED_NAMES: ReadonlySet<string> = new Set(SPAN_NAMES);
const ALLOWED_ATTRIBUTES: ReadonlySet<string> = new Set(SPAN_ATTRIBUTES);

/** A copy for the export: without events, links, texts of a status, and names or attributes that are not listed. */
function withAllowedMembers(span: ReadableSpan): ReadableSpan {
  const { parentSpanContext } = span;
  return {
    name: ALLOWED_NAMES.has(span.name) ? span.name : 'other',
    kind: span.kind,
    spanContext: () => idsOf(span.spanContext()),
    ...(parentSpanContext === undefined ? {} : { parentSpanContext: idsOf(parentSpanContext) }),
    startTime: span.startTime,
    endTime: span.endTime,
    duration: span.duration,
    ended: span.ended,
    status: { code: span.status.code },
    attributes: Object.fromEntries(
      Object.entries(span.attributes).filter(([name]) => ALLOWED_ATTRIBUTES.has(name)),
    ),
    events: [],
    links: [],
    resource: span.resource,
    instrumentationScope: span.instrumentationScope,
    droppedAttributesCount: span.droppedAttributesCount,
    droppedEventsCount: span.droppedEventsCount,
    droppedLinksCount: span.droppedLinksCount,
  };
}

function idsOf({ traceId, spanId, traceFlags, isRemote = false }: SpanContext): SpanContext {
  return { traceId, spanId, traceFlags, isRemote };
}
