/** `POST /api/admin/keys`: creates an API key and answers with its text, once. */
import { createRoute, z } from '@hono/zod-openapi';
import { SCOPES } from '../../../domain/access/principal';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import { ApiKeyBody, apiKeyBody, demandGrantable } from './api-key-body';

const Body = z
  .strictObject({
    name: z.string().min(1).max(100).openapi({ description: 'What it is for' }),
    scopes: z.array(z.enum(SCOPES)).min(1),
  })
  .openapi('NewApiKey', { example: { name: 'shop backend', scopes: ['tokens'] } });

const route = createRoute({
  method: 'post',
  path: '/api/admin/keys',
  operationId: 'createApiKey',
  tags: ['API keys'],
  summary: 'Create an API key of your organisation; its text is shown this once',
  description:
    'A key with "operator" is made by an operator only; one with "internal" by a caller with "internal" or "operator".',
  ...forScope('admin'),
  request: { body: { content: { 'application/json': { schema: Body } }, required: true } },
  responses: {
    201: {
      description: 'Created',
      content: {
        'application/json': {
          schema: ApiKeyBody.extend({
            api_key: z
              .string()
              .openapi({ description: 'Its text: keep it now', example: 'evg_5f0c9a1be2d34786_…' }),
          }),
        },
      },
    },
    ...bodyErrorResponses,
  },
});

export function registerCreateApiKey(app: ApiApp, { store, now }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { name, scopes } = c.req.valid('json');
    const { organisation } = c.get('principal');
    demandGrantable(c.get('principal'), scopes);
    const { key, text } = await store.apiKeys.create({ organisation, name, scopes }, now());
    return c.json({ ...apiKeyBody(key), api_key: text }, 201);
  });
}
