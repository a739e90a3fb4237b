/** Shared by the commands for encryption keys. */
import type { z } from 'zod';
import type { EncryptionBody, RotationBody } from '../api/routes/encryption/encryption-body';
import type { Context } from './command';
import { coloured } from './output';
import { grouped } from './progress';

export type Encryption = z.infer<typeof EncryptionBody>;
export type Rotation = z.infer<typeof RotationBody>;

export function rotationLine({ status, to, failure, progress }: Rotation): string {
  if (failure !== null) return `failed: ${failure}`;
  if (progress === null) return `${status}; no worker answers how far it is`;
  const { phase, paused, resealed, total } = progress;
  if (paused !== null) return `paused at ${grouped(resealed)} of ${grouped(total)}: ${paused.note}`;
  switch (phase) {
    case 'promoting':
      return `waiting until every process seals with ${to}`;
    case 'resealing':
      return `${grouped(resealed)} of ${grouped(total)} records re-sealed with ${to}`;
    case 'verifying':
      return progress.waiting_grants > 0
        ? `waiting for ${grouped(progress.waiting_grants)} grants that the database has yet to take`
        : 'verifying what is left';
    case 'done':
      return `every record that opens is sealed with ${to} (${grouped(resealed)} re-sealed)`;
  }
}

/**
 * Shows the progress or the result of a rotation.
 * @returns the exit code
 */
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
      coloured('red', `${grouped(records)} records that name ${keyId} open with no key: `),
      (progress?.unreadable_records ?? []).join(', '),
    );
  if (progress !== null && progress.removable_keys.length > 0)
    out.line(
      `May be taken out of ENCRYPTION_KEYS now, everywhere: ${progress.removable_keys.join(', ')}`,
    );
  return exitCode;
}
