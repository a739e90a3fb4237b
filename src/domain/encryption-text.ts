/** Sentences on encryption keys and rotations, for the command line and the page. Members are named as the API shows them. */
import type { ROTATION_PHASES } from './encryption-rotation';

interface ShownKey {
  id: string;
  present: boolean;
  needed: boolean;
  missing_from: readonly string[];
  records: number | null;
}

interface ShownRotation {
  status: string;
  to: string | null;
  failure: string | null;
  progress: {
    phase: (typeof ROTATION_PHASES)[number];
    paused: { note: string } | null;
    resealed: number;
    total: number;
    waiting_grants: number;
  } | null;
}

/** The problems that an operator must solve; none if every process can decrypt every record. */
export function encryptionProblems({
  keys,
  other_records: other,
}: {
  keys: readonly ShownKey[];
  other_records: number | null;
}): string[] {
  const missing = keys
    .filter(({ needed, missing_from: from }) => needed && from.length > 0)
    .map(
      ({ id, missing_from: from }) =>
        `The key ${id} is needed, but missing from ${from.join(', ')}. Add it to ENCRYPTION_KEYS there.`,
    );
  const lost = keys
    .filter(({ present, needed, records }) => !present && (needed || (records ?? 0) > 0))
    .map(({ id, records }) =>
      records === null
        ? `The API process does not have the key ${id}, which is needed.`
        : `The API process does not have the key ${id}, which ${grouped(records)} records name.`,
    );
  const unknown =
    other !== null && other > 0 ? [`Records that name an unknown key: ${grouped(other)}.`] : [];
  return [...missing, ...lost, ...unknown];
}

/** `encrypts`, `decrypts`, `new` (never used) or `removable`. */
export function useOfKey(key: {
  seals: boolean;
  needed: boolean;
  retired_at: string | null;
}): string {
  if (key.seals) return 'encrypts';
  if (key.needed) return 'decrypts';
  return key.retired_at === null ? 'new' : 'removable';
}

export function rotationLine({ status, to, failure, progress }: ShownRotation): string {
  if (failure !== null) return `failed: ${failure}`;
  if (progress === null) return `${status}; no worker reports its progress`;
  const { phase, paused, resealed, total } = progress;
  if (paused !== null) return `paused at ${grouped(resealed)} of ${grouped(total)}: ${paused.note}`;
  switch (phase) {
    case 'promoting':
      return `waiting until every process encrypts with ${to}`;
    case 'resealing':
      return `${grouped(resealed)} of ${grouped(total)} records re-encrypted with ${to}`;
    case 'verifying':
      return progress.waiting_grants > 0
        ? `waiting for ${grouped(progress.waiting_grants)} grants that are not stored in the database yet`
        : 'verifying the remaining records';
    case 'done':
      return `every readable record is encrypted with ${to} (${grouped(resealed)} re-encrypted)`;
  }
}

function grouped(count: number): string {
  return count.toLocaleString('en');
}
