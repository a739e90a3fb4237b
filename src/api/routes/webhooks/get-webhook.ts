/** `GET /api/admin/webhooks/{id}`: one webhook, without its secrets. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { noWebhook, WebhookBody, WebhookParams, webhookBody } from './webhook-bodies';

const route = createRoute({
  method: 'get',
  path: '/api/admin/webhooks/{id}',
  operationId: 'getWebhook',
  tags: ['Webhooks'],
  summary: 'Get a webhook',
  ...forScope('admin'),
  request: { params: WebhookParams },
  responses: {
    200: { description: 'The webhook', content: { 'application/json': { schema: WebhookBody } } },
    ...errorResponses,
  },
});

export function registerGetWebhook(app: ApiApp, { store }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const endpoint = await store.webhookEndpoints.find(c.get('principal').organisation, id);
    if (endpoint === null) throw noWebhook(id);
    return c.json(webhookBody(endpoint), 200);
  });
}
