/** Formats the progress and the result of a rotation. */
import type { z } from 'zod';
import type { EncryptionBody, RotationBody } from '../api/routes/encryption/encryption-body';
import { coloured, type Output } from './output';
import { grouped } from './progress';

export type Encryption = z.infer<typeof EncryptionBody>;
export type Rotation = z.infer<typeof RotationBody>;

export function rotationLine({ status, to, failure, progress }: Rotation): string {
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

/** @returns the exit code */
export function showRotation(out: Output, rotation: Rotation): 0 | 1 {
  const exitCode = rotation.status === 'failed' ? 1 : 0;
  if (!out.isForPeople) {
    out.done(rotation, '');
    return exitCode;
  }
  out.line(rotationLine(rotation));
  const { progress } = rotation;
  for (const [keyId, records] of Object.entries(progress?.unreadable ?? {}))
    out.line(
      coloured(
        'red',
        `${grouped(records)} records that name the key ${keyId} cannot be decrypted: `,
      ),
      (progress?.unreadable_records ?? []).join(', '),
    );
  if (progress !== null && progress.removable_keys.length > 0)
    out.line(
      `Keys that you can remove from ENCRYPTION_KEYS of every process now: ${progress.removable_keys.join(', ')}`,
    );
  return exitCode;
}
