/** Types of an encryption key rotation, for workflow, API and CLI. They contain key ids and counts, no key. */

export const ROTATION_PHASES = ['promoting', 'resealing', 'verifying', 'done'] as const;

export interface RotationInput {
  /** The key that encrypts new values and that all records are re-encrypted with. */
  to: string;
  /** Progress of the previous run, after continue-as-new. */
  progress?: RotationProgress;
}

/** Position at which the next page of records begins. `null`: at the beginning. */
export type RotationCursor = { collection: string; afterId: string | null } | null;

export interface RotationProgress {
  to: string;
  /**
   * `promoting`: until every process encrypts with the new key. `resealing` and `verifying`: until no record that can
   * be decrypted uses another key.
   */
  phase: (typeof ROTATION_PHASES)[number];
  paused: { at: string; note: string } | null;
  passes: number;
  cursor: RotationCursor;
  /** Whether the current pass has found nothing to re-encrypt so far. */
  clean: boolean;
  /** Records with values of other keys, counted when all processes had switched to the new key. */
  total: number;
  resealed: number;
  /** Records that changed between read and write. The next pass tries them again. */
  skipped: number;
  /** Records of the last pass that no available key decrypts, by the key that they name. They stay unchanged. */
  unreadable: Record<string, number>;
  /** Examples of these records, such as `accounts/acc_…`. */
  unreadableRecords: string[];
  /** Records with values of each other key, as of the last verification. */
  remaining: Record<string, number>;
  /** Grants that wait in Temporal for the database. They may be encrypted with an earlier key. */
  waitingGrants: number;
  /** Keys that no record needs any more. */
  removable: string[];
  startedAt: string;
  /** Since when every process encrypts with the new key. */
  switchedAt: string | null;
  finishedAt: string | null;
}

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
