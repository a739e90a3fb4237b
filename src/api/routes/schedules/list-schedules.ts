/** `GET /api/admin/schedules`: the schedules of all providers. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { allItems } from '../../../http/paging';
import { ScheduleBody, scheduleBody } from './schedule-body';

const route = createRoute({
  method: 'get',
  path: '/api/admin/schedules',
  operationId: 'listSchedules',
  tags: ['Schedules'],
  summary: "List the providers' schedules",
  description: 'The schedules are read from Temporal. They serve all organisations.',
  ...forScope('read', 'operator'),
  responses: {
    200: allItems(ScheduleBody, 'All schedules'),
    ...errorResponses,
  },
});

export function registerListSchedules(app: ApiApp, { schedules }: ApiDependencies) {
  return app.openapi(route, async (c) =>
    c.json(
      {
        items: (await schedules.list()).map((schedule) =>
          scheduleBody(schedule, c.get('principal')),
        ),
        next_cursor: null,
      },
      200,
    ),
  );
}
