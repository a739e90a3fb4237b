import { createRoute, z } from '@hono/zod-openapi';
import type { ApiApp } from '../app';
import { forScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { errorResponses } from '../errors';
import { ScheduleBody, scheduleBody } from '../schedule-body';

const route = createRoute({
  method: 'get',
  path: '/api/admin/schedules',
  operationId: 'listSchedules',
  tags: ['Schedules'],
  summary: "The providers' schedules as Temporal holds them; they serve all organisations",
  ...forScope('read'),
  responses: {
    200: {
      description: 'All',
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
    c.json({ items: (await schedules.list()).map(scheduleBody), next_cursor: null }, 200),
  );
}
