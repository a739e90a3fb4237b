/** `GET /api/admin/connect/sessions/{id}`: one connect session with its status. */
import { createRoute } from '@hono/zod-openapi';
import { notFound } from '../../../domain/service-error';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { ConnectSessionBody, connectSessionBody, SessionParams } from './session-body';

const route = createRoute({
  method: 'get',
  path: '/api/admin/connect/sessions/{id}',
  operationId: 'getConnectSession',
  tags: ['Connect'],
  summary: 'Get a connect session',
  ...forScope('connect', 'admin'),
  request: { params: SessionParams },
  responses: {
    200: {
      description: 'The session',
      content: { 'application/json': { schema: ConnectSessionBody } },
    },
    ...errorResponses,
  },
});

export function registerShowConnectSession(app: ApiApp, { store, now }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const session = await store.connectSessions.find(c.get('principal').organisation, id);
    if (session === null) throw notFound(`connect session ${id}`);
    return c.json(connectSessionBody(session, now()), 200);
  });
}
