import { setTimeout as delay } from 'node:timers/promises';
import { createRoute } from '@hono/zod-openapi';
import { testEvent } from '../../domain/event';
import type { WebhookDelivery } from '../../store/webhook-delivery-model';
import type { ApiApp } from '../app';
import { forScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { ApiError, errorResponses } from '../errors';
import { DeliveryBody, deliveryBody, noWebhook, WebhookParams } from '../webhook-bodies';

/** A worker begins within seconds, and the receiver has twenty. */
const WAIT_MS = 30_000;
const LOOK_EVERY_MS = 200;

const route = createRoute({
  method: 'post',
  path: '/api/admin/webhooks/{id}/test',
  operationId: 'testWebhook',
  tags: ['Webhooks'],
  summary: 'Send a webhook one event of the type webhook.test, once, and wait for how it went',
  description: 'A disabled webhook can be tested, too; a test that fails disables nothing.',
  ...forScope('admin'),
  request: { params: WebhookParams },
  responses: {
    200: { description: 'How it went', content: { 'application/json': { schema: DeliveryBody } } },
    ...errorResponses,
  },
});

export function registerTestWebhook(app: ApiApp, { store, now }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const { organisation } = c.get('principal');
    const endpoint = await store.webhookEndpoints.find(organisation, id);
    if (endpoint === null) throw noWebhook(id);
    const at = now();
    const event = testEvent(endpoint, at);
    await store.events.raise(event);
    const { id: deliveryId } = await store.webhookDeliveries.create(event, endpoint, at);
    const deadline = performance.now() + WAIT_MS;
    let delivery: WebhookDelivery | null;
    do {
      await delay(LOOK_EVERY_MS);
      delivery = await store.webhookDeliveries.find(organisation, deliveryId);
    } while (delivery?.state === 'pending' && performance.now() < deadline);
    if (delivery === null || delivery.state === 'pending') {
      throw new ApiError(
        'still_running',
        `The test was not made within ${WAIT_MS / 1000} s. Does a worker run? It will be among the deliveries of the webhook.`,
      );
    }
    return c.json(deliveryBody(delivery), 200);
  });
}
