/** `DELETE /api/admin/connect/sessions/{id}`: makes a link useless. */
import { createRoute } from '@hono/zod-openapi';
import { statusAt } from '../../../domain/connect/connect-session';
import { notFound, ServiceError } from '../../../domain/service-error';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { ConnectSessionBody, connectSessionBody, SessionParams } from './session-body';

const route = createRoute({
  method: 'delete',
  path: '/api/admin/connect/sessions/{id}',
  operationId: 'revokeConnectSession',
  tags: ['Connect'],
  summary: 'Revoke the link of a connect session',
  description:
    'A person who is at the provider at this moment cannot complete the consent. A session that has ended stays as it is (409).',
  ...forScope('connect', 'admin'),
  request: { params: SessionParams },
  responses: {
    200: {
      description: 'The revoked session',
      content: { 'application/json': { schema: ConnectSessionBody } },
    },
    ...errorResponses,
  },
});

export function registerRevokeConnectSession(app: ApiApp, { store, now }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const { organisation } = c.get('principal');
    const revoked = await store.connectSessions.revoke(organisation, id, now());
    if (revoked !== null) return c.json(connectSessionBody(revoked, now()), 200);
    const session = await store.connectSessions.find(organisation, id);
    if (session === null) throw notFound(`connect session ${id}`);
    throw new ServiceError(
      'conflict',
      `The session is ${statusAt(session, now())}, so its link cannot be revoked.`,
    );
  });
}
