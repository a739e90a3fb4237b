/** The steps of one attempt with their times: what a debug run shows while it runs, and keeps in its entry. */

/** `commit` stores a grant; `settle` writes what a failure means for the account. */
export const ATTEMPT_STEPS = [
  'claim',
  'decrypt',
  'request',
  'response',
  'commit',
  'log',
  'settle',
] as const;

export interface AttemptStep {
  step: (typeof ATTEMPT_STEPS)[number];
  /** When it began; ISO 8601 UTC. */
  at: string;
  /** `null`: it was still under way. */
  duration_ms: number | null;
}
