/** The encryption keys and their rotation as the API shows them: ids and counts, never a key. */
import { z } from '@hono/zod-openapi';
import { ROTATION_PHASES } from '../domain/rotation';
import type { Rotation } from './encryption-client';
import { orNull } from './schemas';

const time = z.iso.datetime();
const count = z.number().int();
const countsByKey = z.record(z.string(), count);

const RotationProgressBody = z
  .object({
    phase: z.enum(ROTATION_PHASES).openapi({
      description:
        'promoting: until every process seals with the key; then records are re-sealed, pass by pass, until one finds none',
    }),
    paused: z.object({ at: time, note: z.string() }).nullable(),
    passes: count,
    total: count.openapi({ description: 'Records with values of other keys, when it began' }),
    resealed: count,
    skipped: count.openapi({
      description: 'Written by somebody else at that moment; looked at again in the next pass',
    }),
    unreadable: countsByKey.openapi({
      description: 'Records that no key opens, by the key they name; they stay as they are',
    }),
    unreadable_records: z.array(z.string()).openapi({ description: 'The first 20 of them' }),
    remaining: countsByKey.openapi({ description: 'As last verified, by key' }),
    waiting_grants: count.openapi({
      description: 'Grants in Temporal that the database has yet to take; keys are kept for them',
    }),
    removable_keys: z.array(z.string()).openapi({ description: 'Nothing needs them any more' }),
    started_at: time,
    finished_at: time.nullable(),
  })
  .openapi('RotationProgress');

export const RotationBody = z
  .object({
    workflow_id: z.string(),
    run_id: z.string(),
    to: z.string().nullable().openapi({ description: 'The key that is to seal everything' }),
    status: z.enum(['running', 'paused', 'completed', 'failed']),
    failure: z.string().nullable(),
    progress: orNull(RotationProgressBody).openapi({
      description: 'null: no worker answers now, or it failed',
    }),
  })
  .openapi('Rotation');

export function rotationBody(rotation: Rotation): z.infer<typeof RotationBody> {
  const { progress } = rotation;
  return {
    workflow_id: rotation.workflowId,
    run_id: rotation.runId,
    to: progress?.to ?? null,
    status: rotation.status,
    failure: rotation.failure,
    progress:
      progress === null
        ? null
        : {
            phase: progress.phase,
            paused: progress.paused,
            passes: progress.passes,
            total: progress.total,
            resealed: progress.resealed,
            skipped: progress.skipped,
            unreadable: progress.unreadable,
            unreadable_records: progress.unreadableRecords,
            remaining: progress.remaining,
            waiting_grants: progress.waitingGrants,
            removable_keys: progress.removable,
            started_at: progress.startedAt,
            finished_at: progress.finishedAt,
          },
  };
}

export const EncryptionBody = z
  .object({
    sealing_key: z.string(),
    keys: z.array(
      z.object({
        id: z.string(),
        seals: z.boolean(),
        present: z.boolean().openapi({ description: 'Whether this API process has it' }),
        missing_from: z.array(z.string()).openapi({
          description: 'The living processes that have not got it, or another one of its name',
        }),
        records: count.openapi({ description: 'Records with a value that it sealed' }),
        needed: z.boolean().openapi({
          description: 'No process may be without it; false once a rotation has verified that',
        }),
        promoted_at: time.nullable(),
        retired_at: time.nullable(),
      }),
    ),
    other_records: count.openapi({
      description: 'Records with a value of a key that is on no record and not here',
    }),
    processes: z.array(
      z.object({
        name: z.string().openapi({ example: 'worker 4711@host' }),
        keys: z.array(z.string()),
        sealing_key: z.string(),
        seen_at: time,
      }),
    ),
    rotation: orNull(RotationBody),
  })
  .openapi('Encryption');
