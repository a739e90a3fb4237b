/** `POST /api/admin/webhooks/{id}/enable`: enables a disabled webhook. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { enableWebhook } from '../../../services/webhooks/webhooks';
import { WebhookBody, WebhookParams, webhookBody } from './webhook-bodies';

const route = createRoute({
  method: 'post',
  path: '/api/admin/webhooks/{id}/enable',
  operationId: 'enableWebhook',
  tags: ['Webhooks'],
  summary: 'Enable a webhook',
  description: 'Deliveries that were skipped in the meantime can be replayed.',
  ...forScope('admin'),
  request: { params: WebhookParams },
  responses: {
    200: { description: 'The webhook', content: { 'application/json': { schema: WebhookBody } } },
    ...errorResponses,
  },
});

export function registerEnableWebhook(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { organisation } = c.get('principal');
    const endpoint = await enableWebhook(deps, organisation, c.req.valid('param').id);
    return c.json(webhookBody(endpoint), 200);
  });
}
