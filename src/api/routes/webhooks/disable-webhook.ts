/** `POST /api/admin/webhooks/{id}/disable`: disables a webhook; its pending deliveries are skipped. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { noWebhook, WebhookBody, WebhookParams, webhookBody } from './webhook-bodies';

const route = createRoute({
  method: 'post',
  path: '/api/admin/webhooks/{id}/disable',
  operationId: 'disableWebhook',
  tags: ['Webhooks'],
  summary: 'Disable a webhook',
  description: 'Its pending deliveries are skipped.',
  ...forScope('admin'),
  request: { params: WebhookParams },
  responses: {
    200: { description: 'The webhook', content: { 'application/json': { schema: WebhookBody } } },
    ...errorResponses,
  },
});

export function registerDisableWebhook(app: ApiApp, { store, now }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const { organisation } = c.get('principal');
    const endpoint = await store.webhookEndpoints.setState(organisation, id, 'disabled', now());
    if (endpoint === null) throw noWebhook(id);
    await store.webhookDeliveries.skipPending(organisation, id, now());
    return c.json(webhookBody(endpoint), 200);
  });
}
