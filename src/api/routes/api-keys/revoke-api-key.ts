/** `DELETE /api/admin/keys/{id}`: revokes an API key. */
import { createRoute, z } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { revokeApiKey } from '../../../services/access/api-keys';

const route = createRoute({
  method: 'delete',
  path: '/api/admin/keys/{id}',
  operationId: 'revokeApiKey',
  tags: ['API keys'],
  summary: 'Revoke an API key',
  description:
    'The key is refused within 5 seconds. Only an operator may revoke a key with "operator".',
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

export function registerRevokeApiKey(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    await revokeApiKey(deps, c.get('principal'), c.req.valid('param').id);
    return c.body(null, 204);
  });
}
