/** Records the steps of a captured attempt and reports each as it begins. Other attempts have no instance. */
import type { LogEntry } from '../domain/logs/log-entry';
import type { AttemptStep } from '../domain/refresh/attempt-steps';
import type { LogEntries } from '../store/logs/log-entries';
import { isDatabaseUnavailable } from '../store/mongo/unavailability';

export class AttemptSteps {
  readonly #report: (steps: AttemptStep[]) => void;
  #ended: AttemptStep[] = [];
  #current: { step: AttemptStep; since: number } | null = null;

  /** @param report receives all steps so far, each time one begins */
  constructor(report: (steps: AttemptStep[]) => void) {
    this.#report = report;
  }

  /** Also ends the previous step. */
  begin(name: AttemptStep['step'], at: Date): void {
    this.end();
    const step = { step: name, at: at.toISOString(), duration_ms: null };
    this.#current = { step, since: performance.now() };
    this.#report(this.soFar());
  }

  end(): void {
    if (this.#current === null) return;
    const { step, since } = this.#current;
    const tenths = Math.round((performance.now() - since) * 10);
    this.#ended = [...this.#ended, { ...step, duration_ms: tenths / 10 }];
    this.#current = null;
  }

  soFar(): AttemptStep[] {
    return this.#current === null ? this.#ended : [...this.#ended, this.#current.step];
  }
}

/** The entry with the steps recorded so far. */
export function withSteps(entry: LogEntry, steps: AttemptSteps | null): LogEntry {
  return steps === null ? entry : { ...entry, steps: steps.soFar() };
}

/** Adds the last steps' durations to a written entry. Ignores an unreachable MongoDB: the entry is usable without. */
export async function completeSteps(
  logEntries: Pick<LogEntries, 'setSteps'>,
  entryId: string,
  steps: AttemptSteps,
): Promise<void> {
  steps.end();
  try {
    await logEntries.setSteps(entryId, steps.soFar());
  } catch (error) {
    if (!isDatabaseUnavailable(error)) throw error;
  }
}
