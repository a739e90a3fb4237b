/** Measures and traces the steps of an attempt. The steps of a captured attempt are also reported, each as it begins, and logged. */
import type { LogEntry } from '../domain/logs/log-entry';
import type { AttemptStep } from '../domain/refresh/attempt-steps';
import { stepDuration } from '../metrics/metrics';
import type { LogEntries } from '../store/logs/log-entries';
import { isDatabaseUnavailable } from '../store/mongo/unavailability';
import { NO_SPAN, type Span, type SpanAttributes, type SpanName } from '../tracing/span';

export class AttemptSteps {
  readonly #report: ((steps: AttemptStep[]) => void) | null;
  #ended: AttemptStep[] = [];
  #current: { name: AttemptStep['step']; at: Date; since: number; span: Span } | null = null;
  #attempt: Span = NO_SPAN;

  /** @param report receives all steps so far, each time one begins; `null`: the attempt is not captured */
  constructor(report: ((steps: AttemptStep[]) => void) | null) {
    this.#report = report;
  }

  get isCaptured(): boolean {
    return this.#report !== null;
  }

  /** The trace of the attempt; `undefined`: it is not exported. */
  get traceId(): string | undefined {
    return this.#attempt.traceId;
  }

  /** Each step from here on has a span within the attempt's. */
  traceIn(attempt: Span): void {
    this.#attempt = attempt;
  }

  /** Adds to the attempt's span. */
  describe(attributes: SpanAttributes): void {
    this.#attempt.set(attributes);
  }

  /** Begins a span within the current step's. */
  beginSpan(name: SpanName, attributes: SpanAttributes): Span {
    return (this.#current?.span ?? this.#attempt).begin(name, attributes);
  }

  /** Also ends the previous step. */
  begin(name: AttemptStep['step'], at: Date): void {
    this.end();
    const span = this.#attempt.begin(name);
    this.#current = { name, at, since: performance.now(), span };
    this.#report?.(this.soFar());
  }

  end(): void {
    if (this.#current === null) return;
    const { name, at, since, span } = this.#current;
    span.end();
    const tookMs = performance.now() - since;
    stepDuration.observe({ step: name }, tookMs / 1000);
    if (this.isCaptured)
      this.#ended = [...this.#ended, stepOf(name, at, Math.round(tookMs * 10) / 10)];
    this.#current = null;
  }

  /** The steps of a captured attempt. */
  soFar(): AttemptStep[] {
    if (this.#current === null) return this.#ended;
    return [...this.#ended, stepOf(this.#current.name, this.#current.at, null)];
  }
}

function stepOf(step: AttemptStep['step'], at: Date, duration_ms: number | null): AttemptStep {
  return { step, at: at.toISOString(), duration_ms };
}

/** The entry, and with a captured attempt the steps so far. */
export function withSteps(entry: LogEntry, steps: AttemptSteps): LogEntry {
  return steps.isCaptured ? { ...entry, steps: steps.soFar() } : entry;
}

/** Adds the last steps' durations to the written entry of a captured attempt. Ignores an unreachable MongoDB: the entry is usable without. */
export async function completeSteps(
  logEntries: Pick<LogEntries, 'setSteps'>,
  entryId: string,
  steps: AttemptSteps,
): Promise<void> {
  if (!steps.isCaptured) return;
  try {
    await logEntries.setSteps(entryId, steps.soFar());
  } catch (error) {
    if (!isDatabaseUnavailable(error)) throw error;
  }
}
