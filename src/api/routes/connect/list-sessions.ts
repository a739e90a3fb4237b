/** `GET /api/admin/connect/sessions`: the connect sessions of the organisation, newest first. */
import { createRoute, z } from '@hono/zod-openapi';
import { encodeCursor } from '../../../domain/cursor';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { pageCursor, pageLimit, pageOf, placeOf } from '../../../http/paging';
import { ConnectSessionBody, connectSessionBody } from './session-body';

const route = createRoute({
  method: 'get',
  path: '/api/admin/connect/sessions',
  operationId: 'listConnectSessions',
  tags: ['Connect'],
  summary: 'List the connect sessions of your organisation, newest first',
  description: 'A session is listed for 30 days after its link expired.',
  ...forScope('connect', 'admin'),
  request: { query: z.object({ limit: pageLimit(500, 100), before: pageCursor }) },
  responses: {
    200: {
      description: 'One page',
      content: {
        'application/json': {
          schema: z.object({
            items: z.array(ConnectSessionBody),
            next_cursor: z.string().nullable(),
          }),
        },
      },
    },
    ...errorResponses,
  },
});

export function registerListConnectSessions(app: ApiApp, { store, now }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { organisation } = c.get('principal');
    const { limit, before } = c.req.valid('query');
    const found = await store.connectSessions.list({
      organisation,
      before: before === undefined ? undefined : placeOf(before),
      limit: limit + 1,
    });
    const at = now();
    const page = pageOf(
      found,
      limit,
      (session) => connectSessionBody(session, at),
      ({ createdAt, id }) => encodeCursor(createdAt.toISOString(), id),
    );
    return c.json(page, 200);
  });
}
