/** `POST /api/admin/webhooks/{id}/test`: sends one `webhook.test` event and answers with its delivery. */
import { setTimeout as delay } from 'node:timers/promises';
import { createRoute } from '@hono/zod-openapi';
import { testEvent } from '../../../domain/events/event';
import { ServiceError } from '../../../domain/service-error';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import type { WebhookDelivery } from '../../../store/webhooks/webhook-delivery-model';
import { requireValid } from '../../../store/webhooks/webhook-endpoints';
import { DeliveryBody, deliveryBody, noWebhook, WebhookParams } from './webhook-bodies';

/** How long to wait for the test, in ms: a worker starts it within seconds, and the receiver has twenty. */
const WAIT_MS = 30_000;
const POLL_INTERVAL_MS = 200;

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

export function registerTestWebhook(app: ApiApp, { store, now }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const { organisation } = c.get('principal');
    const endpoint = await store.webhookEndpoints.find(organisation, id);
    if (endpoint === null) throw noWebhook(id);
    requireValid(endpoint);
    const at = now();
    const event = testEvent(endpoint, at);
    await store.events.raise(event);
    const { id: deliveryId } = await store.webhookDeliveries.create(event, endpoint, at);
    const deadline = performance.now() + WAIT_MS;
    let delivery: WebhookDelivery | null;
    do {
      await delay(POLL_INTERVAL_MS);
      delivery = await store.webhookDeliveries.find(organisation, deliveryId);
    } while (delivery?.state === 'pending' && performance.now() < deadline);
    if (delivery === null || delivery.state === 'pending') {
      throw new ServiceError(
        'still_running',
        `No worker sent the test event within ${WAIT_MS / 1000} s. Check that a worker is running. The result will be among the deliveries of the webhook.`,
      );
    }
    return c.json(deliveryBody(delivery), 200);
  });
}
