/** `DELETE /api/admin/sessions/{id}`: ends one session. */
import { createRoute, z } from '@hono/zod-openapi';
import { notFound } from '../../../domain/service-error';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';

const route = createRoute({
  method: 'delete',
  path: '/api/admin/sessions/{id}',
  operationId: 'endSession',
  tags: ['Sessions'],
  summary: 'End a session',
  description: 'The cookie of the session is refused from now on.',
  ...forScope('admin'),
  request: {
    params: z.object({
      id: z.string().openapi({
        param: { name: 'id', in: 'path' },
        description: 'The id of the session',
        example: 'ses_8c1f0b7a29d3e465',
      }),
    }),
  },
  responses: { 204: { description: 'Ended' }, ...errorResponses },
});

export function registerEndSession(app: ApiApp, { store }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    if (!(await store.sessionRecords.end(c.get('principal').organisation, id)))
      throw notFound(`session ${id}`);
    return c.body(null, 204);
  });
}
