import { createRoute, z } from '@hono/zod-openapi';
import type { ApiApp } from '../app';
import { forScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { bodyErrorResponses } from '../errors';
import { interval, note, ScheduleBody, ScheduleParams, scheduleBody } from '../schedule-body';

const Body = z
  .strictObject({
    every: interval
      .optional()
      .openapi({ type: 'string', description: 'The new interval', example: '5m' }),
    note: note.optional(),
  })
  .refine((body) => body.every !== undefined || body.note !== undefined, 'has nothing to change');

const route = createRoute({
  method: 'patch',
  path: '/api/admin/schedules/{schedule_id}',
  operationId: 'patchSchedule',
  tags: ['Schedules'],
  summary:
    'Give a schedule another interval or note; a pause stays, and so does this over restarts',
  ...forScope('admin'),
  request: {
    params: ScheduleParams,
    body: { content: { 'application/json': { schema: Body } }, required: true },
  },
  responses: {
    200: {
      description: 'As Temporal holds it now',
      content: { 'application/json': { schema: ScheduleBody } },
    },
    ...bodyErrorResponses,
  },
});

export function registerPatchSchedule(app: ApiApp, { schedules, logger }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { schedule_id } = c.req.valid('param');
    const { keyId, organisation } = c.get('principal');
    const { every: everyMs, note: why } = c.req.valid('json');
    const schedule = await schedules.change(schedule_id, { everyMs, note: why });
    logger.info(
      { schedule_id, key_id: keyId, organisation, every_ms: everyMs, note: why ?? null },
      'schedule changed',
    );
    return c.json(scheduleBody(schedule), 200);
  });
}
