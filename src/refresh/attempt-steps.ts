/** Notes the steps of a captured attempt and tells each as it begins. Other attempts have no such notes (R1.1). */
import type { AttemptStep } from '../domain/attempt-steps';
import type { LogEntry } from '../domain/log-entry';
import { isDatabaseUnavailable } from '../store/database';
import type { LogEntries } from '../store/log-entries';

export class AttemptSteps {
  readonly #tell: (steps: AttemptStep[]) => void;
  #ended: AttemptStep[] = [];
  #current: { step: AttemptStep; since: number } | null = null;

  /** @param tell gets all steps so far, each time one begins */
  constructor(tell: (steps: AttemptStep[]) => void) {
    this.#tell = tell;
  }

  /** Ends the step before, if any. */
  begin(name: AttemptStep['step'], at: Date): void {
    this.end();
    const step = { step: name, at: at.toISOString(), duration_ms: null };
    this.#current = { step, since: performance.now() };
    this.#tell(this.soFar());
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

/** The entry as it is to be written now. */
export function withSteps(entry: LogEntry, steps: AttemptSteps | null): LogEntry {
  return steps === null ? entry : { ...entry, steps: steps.soFar() };
}

/** Adds to a written entry how long writing it, and what came after, took. Not worth a failure: the rest is there. */
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
