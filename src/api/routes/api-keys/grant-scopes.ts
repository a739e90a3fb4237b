/** `POST /api/admin/keys/{id}/grant`: adds scopes to an API key. */
import { createRoute, z } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import { grantScopes, ScopesToGrantBody } from '../../../services/access/api-keys';
import { ApiKeyBody, apiKeyBody } from './api-key-body';

const route = createRoute({
  method: 'post',
  path: '/api/admin/keys/{id}/grant',
  operationId: 'grantScopes',
  tags: ['API keys'],
  summary: 'Add scopes to an API key of your organisation',
  description:
    'The key has the new scopes within 5 seconds, and keeps its others. Only an operator may grant "operator", or change a key that has it. Only a caller with "internal" or "operator" may grant "internal". A key that is restricted to providers, kinds or accounts may only have "tokens".',
  ...forScope('admin'),
  request: {
    params: z.object({
      id: z.string().openapi({
        param: { name: 'id', in: 'path' },
        description: 'The id of the key, not its text',
        example: '5f0c9a1be2d34786',
      }),
    }),
    body: { content: { 'application/json': { schema: ScopesToGrantBody } }, required: true },
  },
  responses: {
    200: {
      description: 'The key with all its scopes',
      content: { 'application/json': { schema: ApiKeyBody } },
    },
    ...bodyErrorResponses,
  },
});

export function registerGrantScopes(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const { scopes } = c.req.valid('json');
    return c.json(apiKeyBody(await grantScopes(deps, c.get('principal'), id, scopes)), 200);
  });
}
