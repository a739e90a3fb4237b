/** The timed steps of one attempt. A debug run shows them while it runs, and keeps them in its log entry. */

/** `commit` stores a grant; `record_failure` records a failure and its effects on the account. */
export const ATTEMPT_STEPS = [
  'claim',
  'decrypt',
  'request',
  'response',
  'commit',
  'log',
  'record_failure',
] as const;

export interface AttemptStep {
  step: (typeof ATTEMPT_STEPS)[number];
  /** Start time, ISO 8601 UTC. */
  at: string;
  /** `null`: the step had not finished. */
  duration_ms: number | null;
}
