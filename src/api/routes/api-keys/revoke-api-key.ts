/** `DELETE /api/admin/keys/{id}`: revokes an API key. */
import { createRoute, z } from '@hono/zod-openapi';
import { demandScope } from '../../../domain/access/principal';
import { notFound } from '../../../domain/service-error';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';

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

export function registerRevokeApiKey(app: ApiApp, { store }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const { organisation } = c.get('principal');
    const key = await store.apiKeys.find(organisation, id);
    if (key?.scopes.includes('operator')) demandScope(c.get('principal'), 'operator');
    if (!(await store.apiKeys.revoke(organisation, id))) throw notFound(`API key ${id}`);
    // Its sessions are refused from now on. Ending them also removes them from the list.
    await store.sessionRecords.endAllOf(organisation, id);
    return c.body(null, 204);
  });
}
