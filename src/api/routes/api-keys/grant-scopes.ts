/** `POST /api/admin/keys/{id}/grant`: adds scopes to an API key. */
import { createRoute, z } from '@hono/zod-openapi';
import { demandScope, SCOPES } from '../../../domain/access/principal';
import { notFound, ServiceError } from '../../../domain/service-error';
import { changedMeanwhile } from '../../../domain/text/messages';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import { ApiKeyBody, apiKeyBody, demandBoundScopes, demandGrantable } from './api-key-body';

const Body = z
  .strictObject({ scopes: z.array(z.enum(SCOPES)).min(1) })
  .openapi('ScopesToGrant', { example: { scopes: ['operator'] } });

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
    body: { content: { 'application/json': { schema: Body } }, required: true },
  },
  responses: {
    200: {
      description: 'The key with all its scopes',
      content: { 'application/json': { schema: ApiKeyBody } },
    },
    ...bodyErrorResponses,
  },
});

export function registerGrantScopes(app: ApiApp, { store }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const { scopes } = c.req.valid('json');
    const caller = c.get('principal');
    demandGrantable(caller, scopes);
    const before = await store.apiKeys.find(caller.organisation, id);
    if (before?.scopes.includes('operator')) demandScope(caller, 'operator');
    if (before !== null) demandBoundScopes(before, scopes);
    const key = await store.apiKeys.grant(caller.organisation, id, scopes);
    if (key === null) throw notFound(`API key ${id}`);
    if (key === 'changed') {
      throw new ServiceError('conflict', changedMeanwhile(`API key ${id}`));
    }
    return c.json(apiKeyBody(key), 200);
  });
}
