import { createRoute } from '@hono/zod-openapi';
import type { ApiApp } from '../app';
import { forScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { bodyErrorResponses } from '../errors';
import { NoteBody, ScheduleBody, ScheduleParams, scheduleBody } from '../schedule-body';

const route = createRoute({
  method: 'post',
  path: '/api/admin/schedules/{schedule_id}/trigger',
  operationId: 'triggerSchedule',
  tags: ['Schedules'],
  summary: 'Run the sweep of a schedule at once, paused or not; while one runs, nothing is added',
  ...forScope('admin'),
  request: {
    params: ScheduleParams,
    body: { content: { 'application/json': { schema: NoteBody } } },
  },
  responses: {
    200: {
      description:
        'As Temporal holds it now; the note is written to the log, the one of the schedule stays',
      content: { 'application/json': { schema: ScheduleBody } },
    },
    ...bodyErrorResponses,
  },
});

export function registerTriggerSchedule(app: ApiApp, { schedules, logger }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { schedule_id } = c.req.valid('param');
    const { keyId, organisation } = c.get('principal');
    const { note: why } = NoteBody.parse(c.req.valid('json') ?? {});
    const schedule = await schedules.trigger(schedule_id);
    logger.info(
      { schedule_id, key_id: keyId, organisation, note: why ?? null },
      'schedule triggered',
    );
    return c.json(scheduleBody(schedule), 200);
  });
}
