/** The spans of an attempt: the attempt itself, and its request to the provider with host and path only. */
import type { RefreshGrantInput, RefreshGrantResult } from '../domain/refresh/refresh-attempt';
import type { Transport } from '../providers/exchange/transport';
import { beginSpan, type Span, type SpanAttributes } from '../tracing/span';
import type { EntryContext } from './attempt-entry';
import type { AttemptSteps } from './attempt-steps';

/** Begins the span of an attempt, in the trace of its request or in a new one. */
export function beginAttempt(
  { accountId, attemptId, request }: RefreshGrantInput,
  { workflowId, runId }: Pick<EntryContext, 'workflowId' | 'runId'>,
): Span {
  return beginSpan(
    'refresh attempt',
    {
      'evergrant.account_id': accountId,
      'evergrant.log_entry_id': attemptId,
      'evergrant.run_id': runId,
      'evergrant.source': request.source,
      'evergrant.workflow_id': workflowId,
    },
    request.trace,
  );
}

export function endAttempt(
  span: Span,
  { attempt: { outcome, exchange, failure } }: RefreshGrantResult,
): void {
  span.set({
    'evergrant.outcome': outcome,
    'evergrant.exchange_outcome': exchange,
    'evergrant.failure_code': failure?.code ?? null,
  });
  span.end(failure?.code);
}

/** The result with the attempt's trace, so that retries of a request without a trace continue it. */
export function withTrace(
  done: RefreshGrantResult,
  { request }: RefreshGrantInput,
  { context }: Span,
): RefreshGrantResult {
  const trace = request.trace ?? context;
  return context === undefined || trace === undefined ? done : { ...done, trace };
}

/** The transport with a span per request. Query, headers and bodies never reach the span. */
export function tracedTransport(transport: Transport, steps: AttemptSteps): Transport {
  return {
    async send(request) {
      const span = steps.beginSpan('provider request', {
        'http.request.method': request.method ?? 'POST',
        ...addressOf(request.url),
      });
      try {
        const response = await transport.send(request);
        span.set({ 'http.response.status_code': response.status });
        span.end(response.status >= 400 ? String(response.status) : null);
        return response;
      } catch (error) {
        span.end(error instanceof Error ? error.name : typeof error);
        throw error;
      }
    },
  };
}

function addressOf(url: string): SpanAttributes {
  const { protocol, hostname, port, pathname } = new URL(url);
  return {
    'url.scheme': protocol.slice(0, -1),
    'server.address': hostname,
    'server.port': port === '' ? null : Number(port),
    'url.path': pathname,
  };
}
