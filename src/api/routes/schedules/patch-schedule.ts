/** `PATCH /api/admin/schedules/{schedule_id}`: changes the interval or the note of a schedule. */
import { createRoute, z } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import { setSchedule } from '../../../services/schedules/schedule-actions';
import { interval, note, ScheduleBody, ScheduleParams, scheduleBody } from './schedule-body';

const Body = z
  .strictObject({
    every: interval
      .optional()
      .openapi({ type: 'string', description: 'The new interval', example: '5m' }),
    note: note.optional(),
  })
  .refine(
    (body) => body.every !== undefined || body.note !== undefined,
    'must have every, note or both',
  );

const route = createRoute({
  method: 'patch',
  path: '/api/admin/schedules/{schedule_id}',
  operationId: 'patchSchedule',
  tags: ['Schedules'],
  summary: 'Change the interval or the note of a schedule',
  description:
    'A paused schedule stays paused. The new interval survives restarts. It applies until you change it in providers.yaml.',
  ...forScope('operator'),
  request: {
    params: ScheduleParams,
    body: { content: { 'application/json': { schema: Body } }, required: true },
  },
  responses: {
    200: {
      description: 'The changed schedule, as read from Temporal',
      content: { 'application/json': { schema: ScheduleBody } },
    },
    ...bodyErrorResponses,
  },
});

export function registerPatchSchedule(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const principal = c.get('principal');
    const { schedule_id } = c.req.valid('param');
    const { every: everyMs, note: why } = c.req.valid('json');
    const caller = { ...principal, through: 'api' } as const;
    const schedule = await setSchedule(deps, schedule_id, { everyMs, note: why }, caller);
    return c.json(scheduleBody(schedule, principal), 200);
  });
}
