/** `GET /api/admin/webhooks/{id}`: one webhook, without its secrets. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { findWebhook } from '../../../services/webhooks/webhooks';
import { WebhookBody, WebhookParams, webhookBody } from './webhook-bodies';

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

export function registerGetWebhook(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { organisation } = c.get('principal');
    const endpoint = await findWebhook(deps, organisation, c.req.valid('param').id);
    return c.json(webhookBody(endpoint), 200);
  });
}
