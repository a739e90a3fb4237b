/** `DELETE /api/admin/schedules/{schedule_id}`: deletes the schedule of a provider that is not configured. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { deleteSchedule } from '../../../services/schedules/schedule-actions';
import { ScheduleParams } from './schedule-body';

const route = createRoute({
  method: 'delete',
  path: '/api/admin/schedules/{schedule_id}',
  operationId: 'deleteSchedule',
  tags: ['Schedules'],
  summary: 'Delete the schedule of a provider that is not configured',
  description: 'Refused while the provider is configured.',
  ...forScope('operator'),
  request: { params: ScheduleParams },
  responses: { 204: { description: 'Deleted' }, ...errorResponses },
});

export function registerDeleteSchedule(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { schedule_id } = c.req.valid('param');
    await deleteSchedule(deps, schedule_id, { ...c.get('principal'), through: 'api' });
    return c.body(null, 204);
  });
}
