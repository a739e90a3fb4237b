/** `GET /api/admin/webhooks`: the organisation's webhooks. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { allItems } from '../../../http/paging';
import { WebhookBody, webhookBody } from './webhook-bodies';

const route = createRoute({
  method: 'get',
  path: '/api/admin/webhooks',
  operationId: 'listWebhooks',
  tags: ['Webhooks'],
  summary: 'List the webhooks of your organisation',
  ...forScope('admin'),
  responses: {
    200: allItems(WebhookBody, 'All webhooks'),
    ...errorResponses,
  },
});

export function registerListWebhooks(app: ApiApp, { store }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const endpoints = await store.webhookEndpoints.list(c.get('principal').organisation);
    return c.json({ items: endpoints.map(webhookBody), next_cursor: null }, 200);
  });
}
