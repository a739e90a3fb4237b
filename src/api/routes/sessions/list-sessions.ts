/** `GET /api/admin/sessions`: the sessions of people who are signed in, newest first. */
import { createRoute, z } from '@hono/zod-openapi';
import { encodeCursor } from '../../../domain/cursor';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { pageCursor, pageLimit, pageOf, pageOfItems, placeOf } from '../../../http/paging';
import { SessionBody, sessionBody } from './session-body';

const route = createRoute({
  method: 'get',
  path: '/api/admin/sessions',
  operationId: 'listSessions',
  tags: ['Sessions'],
  summary: 'List the sessions of people who are signed in to the pages, newest first',
  ...forScope('admin'),
  request: {
    query: z.object({
      actor: z
        .string()
        .min(1)
        .max(600)
        .optional()
        .openapi({ description: 'Only this actor', example: 'oidc:alma' }),
      limit: pageLimit(500, 100),
      before: pageCursor,
    }),
  },
  responses: {
    200: pageOfItems(SessionBody),
    ...errorResponses,
  },
});

export function registerListSessions(app: ApiApp, { store, now }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { actor, limit, before } = c.req.valid('query');
    const sessions = await store.sessionRecords.list({
      organisation: c.get('principal').organisation,
      actor,
      before: before === undefined ? undefined : placeOf(before),
      now: now(),
      limit: limit + 1,
    });
    const page = pageOf(sessions, limit, sessionBody, ({ createdAt, id }) =>
      encodeCursor(createdAt.toISOString(), id),
    );
    return c.json(page, 200);
  });
}
