import { createRoute } from '@hono/zod-openapi';
import type { ApiApp } from '../app';
import { forScope } from '../authenticate';
import { callerName } from '../authenticator';
import type { ApiDependencies } from '../dependencies';
import { bodyErrorResponses } from '../errors';
import { NoteBody, ScheduleBody, ScheduleParams, scheduleBody } from '../schedule-body';

const route = createRoute({
  method: 'post',
  path: '/api/admin/schedules/{schedule_id}/resume',
  operationId: 'resumeSchedule',
  tags: ['Schedules'],
  summary: 'Resume a paused schedule',
  ...forScope('admin'),
  request: {
    params: ScheduleParams,
    body: { content: { 'application/json': { schema: NoteBody } } },
  },
  responses: {
    200: {
      description: 'As Temporal holds it now',
      content: { 'application/json': { schema: ScheduleBody } },
    },
    ...bodyErrorResponses,
  },
});

export function registerResumeSchedule(app: ApiApp, { schedules, logger }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { schedule_id } = c.req.valid('param');
    const { keyId, organisation } = c.get('principal');
    const { note: why } = NoteBody.parse(c.req.valid('json') ?? {});
    const schedule = await schedules.resume(schedule_id, why ?? `resumed by ${callerName(keyId)}`);
    logger.info(
      { schedule_id, key_id: keyId, organisation, note: why ?? null },
      'schedule resumed',
    );
    return c.json(scheduleBody(schedule), 200);
  });
}
