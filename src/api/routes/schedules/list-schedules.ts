/** `GET /api/admin/schedules`: the schedules of all providers. */
import { createRoute, z } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
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
    200: {
      description: 'All schedules',
      content: {
        'application/json': {
          schema: z.object({ items: z.array(ScheduleBody), next_cursor: z.null() }),
        },
      },
    },
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
