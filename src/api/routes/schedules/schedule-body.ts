/** A schedule in API responses. */
import { z } from '@hono/zod-openapi';
import type { Principal } from '../../../domain/access/principal';
import { hasScope } from '../../../domain/access/principal';
import { duration } from '../../../domain/text/duration';
import type { Schedule } from '../../../temporal/schedule-client';

const time = z.iso.datetime();

export const ScheduleBody = z
  .object({
    id: z.string().openapi({ example: 'sweep/ebay' }),
    provider: z.string().openapi({ example: 'ebay' }),
    every_seconds: z.number().nullable().openapi({
      description: 'null: an operator replaced the interval with another specification',
    }),
    configured_every_seconds: z.number().nullable().openapi({
      description: 'The interval in providers.yaml. null: the provider is no longer configured.',
    }),
    paused: z.boolean(),
    note: z.string().nullable().openapi({
      description:
        'Why an operator paused, resumed or changed the schedule. null without "operator".',
    }),
    overlap: z.string().openapi({ example: 'SKIP' }),
    catchup_window_seconds: z.number(),
    next_run_at: time.nullable().openapi({ description: 'null while the schedule is paused' }),
    last_run: z
      .object({
        scheduled_at: time,
        started_at: time,
        workflow_id: z.string(),
        run_id: z.string(),
      })
      .nullable(),
    running: z.array(z.object({ workflow_id: z.string(), run_id: z.string() })),
    runs_total: z.number().int(),
    runs_missed: z.number().int(),
    created_at: time,
    updated_at: time.nullable(),
  })
  .openapi('Schedule', {
    example: {
      id: 'sweep/ebay',
      provider: 'ebay',
      every_seconds: 600,
      configured_every_seconds: 600,
      paused: false,
      note: null,
      overlap: 'SKIP',
      catchup_window_seconds: 600,
      next_run_at: '2026-11-22T18:40:00.000Z',
      last_run: {
        scheduled_at: '2026-11-22T18:30:00.000Z',
        started_at: '2026-11-22T18:30:00.021Z',
        workflow_id: 'sweep/ebay-2026-11-22T18:30:00Z',
        run_id: '019aad5e-0a11-7c42-8f3d-6e5d4c3b2a10',
      },
      running: [],
      runs_total: 3024,
      runs_missed: 0,
      created_at: '2026-11-01T08:00:00.000Z',
      updated_at: null,
    },
  });

/** Omits the note for callers without the scope `operator`, because operators write notes for each other. */
export function scheduleBody(
  schedule: Schedule,
  caller: Pick<Principal, 'scopes'>,
): z.infer<typeof ScheduleBody> {
  const { everyMs, configuredEveryMs, lastRun } = schedule;
  return {
    id: schedule.id,
    provider: schedule.provider,
    every_seconds: everyMs === null ? null : everyMs / 1000,
    configured_every_seconds: configuredEveryMs === null ? null : configuredEveryMs / 1000,
    paused: schedule.paused,
    note: hasScope(caller, 'operator') ? schedule.note : null,
    overlap: schedule.overlap,
    catchup_window_seconds: schedule.catchupWindowMs / 1000,
    next_run_at: schedule.nextRunAt?.toISOString() ?? null,
    last_run:
      lastRun === null
        ? null
        : {
            scheduled_at: lastRun.scheduledAt.toISOString(),
            started_at: lastRun.startedAt.toISOString(),
            workflow_id: lastRun.workflowId,
            run_id: lastRun.runId,
          },
    running: schedule.running.map(({ workflowId, runId }) => ({
      workflow_id: workflowId,
      run_id: runId,
    })),
    runs_total: schedule.runsTotal,
    runs_missed: schedule.runsMissed,
    created_at: schedule.createdAt.toISOString(),
    updated_at: schedule.updatedAt?.toISOString() ?? null,
  };
}

/** The schedule id in a path; its slash is percent-encoded: `/api/admin/schedules/sweep%2Febay`. */
export const ScheduleParams = z.object({
  schedule_id: z.string().openapi({
    param: { name: 'schedule_id', in: 'path' },
    description: 'Percent-encode the id: sweep/ebay becomes sweep%2Febay',
    example: 'sweep/ebay',
  }),
});

const SECOND_MS = 1000;
const YEAR_MS = 365 * 24 * 3600 * SECOND_MS;

/** `5m`, as milliseconds. */
export const interval = duration.refine(
  (everyMs) => everyMs >= SECOND_MS && everyMs <= YEAR_MS && everyMs % SECOND_MS === 0,
  'must be whole seconds from 1s to 365d',
);

export const NOTE_MAX = 500;

export const note = z
  .string()
  .max(NOTE_MAX)
  .refine((text) => text.trim() !== '', 'must not be empty')
  .openapi({ description: 'The reason. Temporal shows it, too.', example: 'eBay maintenance' });

/** The body of pause, resume and trigger requests. */
export const NoteBody = z.strictObject({ note: note.optional() });
