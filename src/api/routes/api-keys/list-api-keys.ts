/** `GET /api/admin/keys`: the organisation's API keys, without their text. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { allItems } from '../../../http/paging';
import { ApiKeyBody, apiKeyBody } from './api-key-body';

const route = createRoute({
  method: 'get',
  path: '/api/admin/keys',
  operationId: 'listApiKeys',
  tags: ['API keys'],
  summary: 'List the API keys of your organisation',
  ...forScope('admin'),
  responses: {
    200: allItems(ApiKeyBody, 'All keys'),
    ...errorResponses,
  },
});

export function registerListApiKeys(app: ApiApp, { store }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const keys = await store.apiKeys.list(c.get('principal').organisation);
    return c.json({ items: keys.map(apiKeyBody), next_cursor: null }, 200);
  });
}
