/** Key rotation as workflows, API and command line speak of it. Ids of keys and counts; never a key or a sealed value. */

export const ROTATION_PHASES = ['promoting', 'resealing', 'verifying', 'done'] as const;

export interface RotationInput {
  /** The key that seals, and is to have sealed everything. */
  to: string;
  /** Of the run before, where the history had grown. */
  progress?: RotationProgress;
}

/** Where the next page of records begins; `null`: at the beginning. */
export type RotationCursor = { collection: string; afterId: string | null } | null;

export interface RotationProgress {
  to: string;
  /**
   * `promoting`: until every process seals with the key. `resealing` and `verifying`: until nothing is left that could
   * be re-sealed.
   */
  phase: (typeof ROTATION_PHASES)[number];
  paused: { at: string; note: string } | null;
  /** How often all records have been gone through. */
  passes: number;
  /** Where the pass under way is. */
  cursor: RotationCursor;
  /** Whether the pass under way has found nothing to do so far. */
  clean: boolean;
  /** Records with values of other keys, when all processes sealed with this one. */
  total: number;
  resealed: number;
  /** Those that somebody had written between our read and our write: they are looked at again. */
  skipped: number;
  /** Records of the last pass with a value that no key opens, by the key each names. They stay as they are. */
  unreadable: Record<string, number>;
  /** Some of them: `accounts/acc_…`. */
  unreadableRecords: string[];
  /** As last verified: records with values of each other key. */
  remaining: Record<string, number>;
  /** Grants that wait in Temporal until the database takes them: they may be sealed with a former key. */
  waitingGrants: number;
  /** Keys that no record needs any more. */
  removable: string[];
  startedAt: string;
  /** Since when every process has sealed with the key. */
  settledAt: string | null;
  finishedAt: string | null;
}

/** What re-sealing one page of records came to. */
export interface ResealedPage {
  next: RotationCursor;
  resealed: number;
  skipped: number;
  unreadable: Record<string, number>;
  unreadableRecords: string[];
}

export interface RotationVerdict {
  remaining: Record<string, number>;
  waitingGrants: number;
  removable: string[];
}
