/** Formats the progress and the result of a rotation. */
import type { z } from 'zod';
import type { EncryptionBody, RotationBody } from '../api/routes/encryption/encryption-body';
import { rotationLine } from '../domain/encryption-text';
import { coloured, type Output } from './output';
import { grouped } from './progress';

export type Encryption = z.infer<typeof EncryptionBody>;
type Rotation = z.infer<typeof RotationBody>;

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
