/** `POST /api/admin/keys`: creates an API key and answers with its text, once. */
import { createRoute, z } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import { createApiKey, NewApiKeyBody } from '../../../services/access/api-keys';
import { ApiKeyBody, apiKeyBody } from './api-key-body';

const route = createRoute({
  method: 'post',
  path: '/api/admin/keys',
  operationId: 'createApiKey',
  tags: ['API keys'],
  summary: 'Create an API key of your organisation',
  description:
    'Only this response contains the text of the key. Only an operator may create a key with "operator". Only a caller with "internal" or "operator" may create a key with "internal". A key with "tokens" can be restricted to providers, kinds and accounts: an account must be in all lists that are given, and the others do not exist for the key.',
  ...forScope('admin'),
  request: { body: { content: { 'application/json': { schema: NewApiKeyBody } }, required: true } },
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

export function registerCreateApiKey(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { key, text } = await createApiKey(deps, c.get('principal'), c.req.valid('json'));
    return c.json({ ...apiKeyBody(key), api_key: text }, 201);
  });
}
