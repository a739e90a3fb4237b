/** Measures the steps of an attempt. The steps of a captured attempt are also reported, each as it begins, and logged. */
import type { LogEntry } from '../domain/logs/log-entry';
import type { AttemptStep } from '../domain/refresh/attempt-steps';
import { stepDuration } from '../metrics/metrics';
import type { LogEntries } from '../store/logs/log-entries';
import { isDatabaseUnavailable } from '../store/mongo/unavailability';

export class AttemptSteps {
  readonly #report: ((steps: AttemptStep[]) => void) | null;
  #ended: AttemptStep[] = [];
  #current: { name: AttemptStep['step']; at: Date; since: number } | null = null;

  /** @param report receives all steps so far, each time one begins; `null`: the attempt is not captured */
  constructor(report: ((steps: AttemptStep[]) => void) | null) {
    this.#report = report;
  }

  get isCaptured(): boolean {
    return this.#report !== null;
  }

  /** Also ends the previous step. */
  begin(name: AttemptStep['step'], at: Date): void {
    this.end();
    this.#current = { name, at, since: performance.now() };
    this.#report?.(this.soFar());
  }

  end(): void {
    if (this.#current === null) return;
    const { name, at, since } = this.#current;
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
