/** Formats the progress and the result of a rotation. */
import type { z } from 'zod';
import type { RotationBody } from '../api/routes/encryption/encryption-body';
import { rotationLine } from '../domain/encryption-text';
import type { Context } from './command';
import { coloured } from './output';
import { grouped } from './progress';

type Rotation = z.infer<typeof RotationBody>;

/** @returns the exit code */
export function showRotation(
  { out, json }: Pick<Context, 'out' | 'json'>,
  rotation: Rotation,
): 0 | 1 {
  const exitCode = rotation.status === 'failed' ? 1 : 0;
  if (json) {
    out.json(rotation);
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
