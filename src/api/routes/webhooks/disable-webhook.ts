/** `POST /api/admin/webhooks/{id}/disable`: disables a webhook; its pending deliveries are skipped. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { disableWebhook } from '../../../services/webhooks/webhooks';
import { WebhookBody, WebhookParams, webhookBody } from './webhook-bodies';

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

export function registerDisableWebhook(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { organisation } = c.get('principal');
    const endpoint = await disableWebhook(deps, organisation, c.req.valid('param').id);
    return c.json(webhookBody(endpoint), 200);
  });
}
