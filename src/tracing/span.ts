/**
 * Spans of an attempt's trace. They do nothing until a process calls {@link traceWith}, so that no OpenTelemetry code is
 * loaded where traces are not exported.
 */
import { ATTEMPT_STEPS } from '../domain/refresh/attempt-steps';

/** The only names of spans that leave the process. */
export const SPAN_NAMES = [
  'refresh request',
  'refresh attempt',
  'provider request',
  ...ATTEMPT_STEPS,
] as const;
export type SpanName = (typeof SPAN_NAMES)[number];

/** The only attributes that leave the process. None of them may hold a token, a body, a query or an error's message. */
export const SPAN_ATTRIBUTES = [
  'evergrant.account_id',
  'evergrant.environment',
  'evergrant.exchange_outcome',
  'evergrant.failure_code',
  'evergrant.log_entry_id',
  'evergrant.outcome',
  'evergrant.provider',
  'evergrant.run_id',
  'evergrant.source',
  'evergrant.workflow_id',
  'error.type',
  'http.request.method',
  'http.response.status_code',
  'server.address',
  'server.port',
  'url.path',
  'url.scheme',
] as const;
/** A member that is `null` is left out. */
export type SpanAttributes = Partial<
  Record<(typeof SPAN_ATTRIBUTES)[number], string | number | null>
>;

export interface Span {
  /** Identifies the span for another process, as a W3C `traceparent`; `undefined`: there is no trace. */
  readonly context: string | undefined;
  /** `undefined`: the trace is not exported. */
  readonly traceId: string | undefined;
  /** Begins a span within this one. */
  begin(name: SpanName, attributes?: SpanAttributes): Span;
  set(attributes: SpanAttributes): void;
  /** @param failure a failure code or the class of an error, never its message */
  end(failure?: string | null): void;
}

export interface Tracer {
  /** @param parent the `context` of a span, in this process or another; absent: a new trace begins */
  begin(name: SpanName, attributes: SpanAttributes, parent: string | undefined): Span;
}

/** The span that is not recorded. */
export const NO_SPAN: Span = {
  context: undefined,
  traceId: undefined,
  begin: () => NO_SPAN,
  set: () => undefined,
  end: () => undefined,
};

let tracer: Tracer | null = null;

/** Sets the tracer of this process; `null`: spans do nothing. */
export function traceWith(given: Tracer | null): void {
  tracer = given;
}

/** Begins a span in the trace of `parent`, or a new trace if it is `undefined`. */
export function beginSpan(
  name: SpanName,
  attributes: SpanAttributes,
  parent: string | undefined,
): Span {
  return tracer?.begin(name, attributes, parent) ?? NO_SPAN;
}
