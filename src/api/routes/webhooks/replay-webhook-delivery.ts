/** `POST /api/admin/webhooks/deliveries/{id}/replay`: starts a delivery again under the same `webhook-id`. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { replayDelivery } from '../../../services/webhooks/replay-delivery';
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

export function registerReplayWebhookDelivery(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const { organisation } = c.get('principal');
    return c.json(deliveryBody(await replayDelivery(deps, organisation, id)), 200);
  });
}
