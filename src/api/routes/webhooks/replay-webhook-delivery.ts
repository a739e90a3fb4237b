/** `POST /api/admin/webhooks/deliveries/{id}/replay`: starts a delivery again under the same `webhook-id`. */
import { createRoute } from '@hono/zod-openapi';
import { notFound, ServiceError } from '../../../domain/service-error';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { requireValid } from '../../../store/webhooks/webhook-endpoints';
import { DeliveryBody, DeliveryParams, deliveryBody } from './webhook-bodies';

const route = createRoute({
  method: 'post',
  path: '/api/admin/webhooks/deliveries/{id}/replay',
  operationId: 'replayWebhookDelivery',
  tags: ['Webhooks'],
  summary: 'Replay a delivery',
  description:
    'The delivery starts again with its first attempt, under the same webhook-id header. A pending delivery is attempted within seconds.',
  ...forScope('admin'),
  request: { params: DeliveryParams },
  responses: {
    200: {
      description: 'The delivery, which waits for its first attempt',
      content: { 'application/json': { schema: DeliveryBody } },
    },
    ...errorResponses,
  },
});

export function registerReplayWebhookDelivery(app: ApiApp, { store, now }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const { organisation } = c.get('principal');
    const before = await store.webhookDeliveries.find(organisation, id);
    if (before === null) throw notFound(`delivery ${id}`);
    const endpoint = await store.webhookEndpoints.find(organisation, before.endpointId);
    if (endpoint !== null) requireValid(endpoint);
    if (endpoint?.state !== 'enabled') {
      throw new ServiceError(
        'conflict',
        endpoint === null
          ? 'The webhook of the delivery was deleted, so the delivery cannot be replayed.'
          : `The webhook of the delivery is disabled. Enable it first: POST /api/admin/webhooks/${endpoint.id}/enable.`,
      );
    }
    const delivery = await store.webhookDeliveries.replay(organisation, id, now());
    if (delivery === null) throw notFound(`delivery ${id}`);
    return c.json(deliveryBody(delivery), 200);
  });
}
