import { createRoute, z } from '@hono/zod-openapi';
import type { ApiApp } from '../app';
import { requireScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { errorResponses, notFound } from '../errors';

const route = createRoute({
  method: 'delete',
  path: '/api/admin/keys/{id}',
  summary: 'Revoke an API key; it is refused within 5 seconds',
  middleware: requireScope('admin'),
  request: { params: z.object({ id: z.string().openapi({ param: { name: 'id', in: 'path' } }) }) },
  responses: { 204: { description: 'Revoked' }, ...errorResponses },
});

export function registerRevokeApiKey(app: ApiApp, { store }: ApiDependencies): void {
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    if (!(await store.apiKeys.revoke(c.get('principal').organisation, id)))
      throw notFound(`API key ${id}`);
    return c.body(null, 204);
  });
}
