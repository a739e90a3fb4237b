import { createRoute, z } from '@hono/zod-openapi';
import type { ApiApp } from '../app';
import { forScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { errorResponses, notFound } from '../errors';

const route = createRoute({
  method: 'delete',
  path: '/api/admin/keys/{id}',
  operationId: 'revokeApiKey',
  tags: ['API keys'],
  summary: 'Revoke an API key; it is refused within 5 seconds',
  ...forScope('admin'),
  request: {
    params: z.object({
      id: z.string().openapi({
        param: { name: 'id', in: 'path' },
        description: 'The id of the key, not its text',
        example: '5f0c9a1be2d34786',
      }),
    }),
  },
  responses: { 204: { description: 'Revoked' }, ...errorResponses },
});

export function registerRevokeApiKey(app: ApiApp, { store }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    if (!(await store.apiKeys.revoke(c.get('principal').organisation, id)))
      throw notFound(`API key ${id}`);
    return c.body(null, 204);
  });
}
