/** `POST /api/admin/webhooks/{id}/test`: sends one `webhook.test` event and answers with its delivery. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { testWebhook } from '../../../services/webhooks/webhooks';
import { DeliveryBody, deliveryBody, WebhookParams } from './webhook-bodies';

const route = createRoute({
  method: 'post',
  path: '/api/admin/webhooks/{id}/test',
  operationId: 'testWebhook',
  tags: ['Webhooks'],
  summary: 'Send a test event to a webhook and wait for the result',
  description:
    'The event has the type webhook.test and is sent once. A disabled webhook can be tested, too. A failed test does not disable the webhook.',
  ...forScope('admin'),
  request: { params: WebhookParams },
  responses: {
    200: {
      description: 'The delivery of the test event',
      content: { 'application/json': { schema: DeliveryBody } },
    },
    ...errorResponses,
  },
});

export function registerTestWebhook(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { organisation } = c.get('principal');
    const delivery = await testWebhook(deps, organisation, c.req.valid('param').id);
    return c.json(deliveryBody(delivery), 200);
  });
}
