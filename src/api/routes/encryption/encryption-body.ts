/** The encryption keys and their rotation in API responses: ids and counts, never a key. */
import { z } from '@hono/zod-openapi';
import { ROTATION_PHASES } from '../../../domain/encryption-rotation';
import type { EncryptionStatus } from '../../../services/encryption/encryption-status';
import type { Rotation } from '../../../temporal/encryption-client';
import { orNull } from '../../openapi/parts';

const time = z.iso.datetime();
const count = z.number().int();
const countsByKey = z.record(z.string(), count);

const PROGRESS_EXAMPLE = {
  phase: 'resealing' as const,
  paused: null,
  passes: 0,
  total: 48210,
  resealed: 31900,
  skipped: 2,
  unreadable: {},
  unreadable_records: [],
  remaining: {},
  waiting_grants: 0,
  removable_keys: [],
  started_at: '2026-11-22T18:30:00.000Z',
  finished_at: null,
};

const ROTATION_EXAMPLE = {
  workflow_id: 'rotate-encryption',
  run_id: '019aad5e-0a11-7c42-8f3d-6e5d4c3b2a10',
  to: 'k2',
  status: 'running' as const,
  failure: null,
  progress: PROGRESS_EXAMPLE,
};

const RotationProgressBody = z
  .object({
    phase: z.enum(ROTATION_PHASES).openapi({
      description:
        'promoting: the rotation waits until every process encrypts with the new key. resealing: it re-encrypts records, pass by pass, until a pass finds none. verifying: it counts the records of other keys.',
    }),
    paused: z.object({ at: time, note: z.string() }).nullable(),
    passes: count,
    total: count.openapi({
      description: 'Records with values of other keys when the rotation began',
    }),
    resealed: count,
    skipped: count.openapi({
      description:
        'Records that another process changed at the same moment. The next pass checks them again.',
    }),
    unreadable: countsByKey.openapi({
      description: 'Records that no key decrypts, by the key that they name. They are not changed.',
    }),
    unreadable_records: z
      .array(z.string())
      .openapi({ description: 'The first 20 unreadable records' }),
    remaining: countsByKey.openapi({
      description: 'Records of other keys at the last verification, by key',
    }),
    waiting_grants: count.openapi({
      description:
        'Grants in Temporal that the database has not stored yet. Their keys are still needed.',
    }),
    removable_keys: z.array(z.string()).openapi({ description: 'Keys that are no longer needed' }),
    started_at: time,
    finished_at: time.nullable(),
  })
  .openapi('RotationProgress', { example: PROGRESS_EXAMPLE });

export const RotationBody = z
  .object({
    workflow_id: z.string(),
    run_id: z.string(),
    to: z
      .string()
      .nullable()
      .openapi({ description: 'The new key, which will encrypt all records' }),
    status: z.enum(['running', 'paused', 'completed', 'failed']),
    failure: z.string().nullable(),
    progress: orNull(RotationProgressBody).openapi({
      description: 'null: no worker responds now, or the rotation failed',
    }),
  })
  .openapi('Rotation', { example: ROTATION_EXAMPLE });

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
        present: z.boolean().openapi({ description: 'Whether this API process has the key' }),
        missing_from: z.array(z.string()).openapi({
          description: 'The running processes that lack the key, or have another key with its id',
        }),
        records: count.nullable().openapi({
          description:
            'Records with a value that this key encrypted. null until a worker has counted them.',
        }),
        needed: z.boolean().openapi({
          description:
            'true: every process must have the key. false: a rotation has verified that no record needs it.',
        }),
        promoted_at: time.nullable(),
        retired_at: time.nullable(),
      }),
    ),
    other_records: count.nullable().openapi({
      description:
        'Records with a value of a key that is neither registered nor available to this process. null until a worker has counted them.',
    }),
    as_of: time.nullable().openapi({ description: 'When the records were counted' }),
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
  .openapi('EncryptionStatus', {
    example: {
      sealing_key: 'k2',
      keys: [
        {
          id: 'k1',
          seals: false,
          present: true,
          missing_from: [],
          records: 16310,
          needed: true,
          promoted_at: '2026-05-01T08:00:00.000Z',
          retired_at: null,
        },
        {
          id: 'k2',
          seals: true,
          present: true,
          missing_from: [],
          records: 31902,
          needed: true,
          promoted_at: '2026-11-22T18:30:00.000Z',
          retired_at: null,
        },
      ],
      other_records: 0,
      as_of: '2026-11-22T18:35:00.000Z',
      processes: [
        {
          name: 'worker 4711@host',
          keys: ['k1', 'k2'],
          sealing_key: 'k2',
          seen_at: '2026-11-22T18:41:10.003Z',
        },
      ],
      rotation: ROTATION_EXAMPLE,
    },
  });

export function encryptionBody(status: EncryptionStatus): z.infer<typeof EncryptionBody> {
  const { sealingKey, keys, otherRecords, asOf, processes, rotation } = status;
  return {
    sealing_key: sealingKey,
    keys: keys.map(({ missingFrom, promotedAt, retiredAt, ...key }) => ({
      ...key,
      missing_from: missingFrom,
      promoted_at: promotedAt?.toISOString() ?? null,
      retired_at: retiredAt?.toISOString() ?? null,
    })),
    other_records: otherRecords,
    as_of: asOf?.toISOString() ?? null,
    processes: processes.map(({ sealingKey: sealing, seenAt, ...process }) => ({
      ...process,
      sealing_key: sealing,
      seen_at: seenAt.toISOString(),
    })),
    rotation: rotation === null ? null : rotationBody(rotation),
  };
}
