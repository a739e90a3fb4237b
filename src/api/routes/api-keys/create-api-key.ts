/** `POST /api/admin/keys`: creates an API key and answers with its text, once. */
import { createRoute, z } from '@hono/zod-openapi';
import { accountBounds } from '../../../domain/access/account-bounds';
import { SCOPES } from '../../../domain/access/principal';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import {
  ApiKeyBody,
  apiKeyBody,
  BOUND_MEMBERS,
  demandBoundScopes,
  demandGrantable,
} from './api-key-body';

const Body = z
  .strictObject({
    name: z.string().min(1).max(100).openapi({ description: 'The purpose of the key' }),
    scopes: z.array(z.enum(SCOPES)).min(1),
    ...BOUND_MEMBERS,
  })
  .openapi('NewApiKey', {
    example: { name: 'shop backend', scopes: ['tokens'], providers: ['ebay'] },
  });

const route = createRoute({
  method: 'post',
  path: '/api/admin/keys',
  operationId: 'createApiKey',
  tags: ['API keys'],
  summary: 'Create an API key of your organisation',
  description:
    'Only this response contains the text of the key. Only an operator may create a key with "operator". Only a caller with "internal" or "operator" may create a key with "internal". A key with "tokens" can be restricted to providers, kinds and accounts: an account must be in all lists that are given, and the others do not exist for the key.',
  ...forScope('admin'),
  request: { body: { content: { 'application/json': { schema: Body } }, required: true } },
  responses: {
    201: {
      description: 'The key and its text',
      content: {
        'application/json': {
          schema: ApiKeyBody.extend({
            api_key: z.string().openapi({
              description: 'The text of the key. Save it now: it is not shown again.',
              example: 'evg_5f0c9a1be2d34786_…',
            }),
          }),
        },
      },
    },
    ...bodyErrorResponses,
  },
});

export function registerCreateApiKey(app: ApiApp, { store, now }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { name, scopes, ...lists } = c.req.valid('json');
    const { organisation } = c.get('principal');
    demandGrantable(c.get('principal'), scopes);
    const bounds = accountBounds(lists);
    demandBoundScopes({ bounds }, scopes);
    const created = { organisation, name, scopes, bounds };
    const { key, text } = await store.apiKeys.create(created, now());
    return c.json({ ...apiKeyBody(key), api_key: text }, 201);
  });
}
