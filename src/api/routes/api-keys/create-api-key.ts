import { createRoute, z } from '@hono/zod-openapi';
import { SCOPES } from '../../store/api-keys';
import { ApiKeyBody, apiKeyBody } from '../api-key-body';
import type { ApiApp } from '../app';
import { forScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { ApiError, bodyErrorResponses } from '../errors';

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
    const { organisation, scopes: held } = c.get('principal');
    // The trigger reaches beyond one organisation: only who may pull it can hand it on.
    if (scopes.includes('internal') && !held.includes('internal')) {
      throw new ApiError('forbidden', 'Only a key with the scope "internal" can create another.');
    }
    const { key, text } = await store.apiKeys.create({ organisation, name, scopes }, now());
    return c.json({ ...apiKeyBody(key), api_key: text }, 201);
  });
}
