/** `GET /api/admin/webhooks/{id}/deliveries`: the deliveries of a webhook with their attempts, newest first. */
import { createRoute, z } from '@hono/zod-openapi';
import { encodeCursor } from '../../../domain/cursor';
import { DELIVERY_STATES } from '../../../domain/events/webhook-delivery';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { pageCursor, pageLimit, pageOf, pageOfItems, placeOf } from '../../../http/paging';
import { findWebhook } from '../../../services/webhooks/webhooks';
import { anyOf } from '../../openapi/parts';
import { DeliveryBody, deliveryBody, WebhookParams } from './webhook-bodies';

const route = createRoute({
  method: 'get',
  path: '/api/admin/webhooks/{id}/deliveries',
  operationId: 'listWebhookDeliveries',
  tags: ['Webhooks'],
  summary: 'List the deliveries of a webhook with their attempts, newest first',
  ...forScope('admin'),
  request: {
    params: WebhookParams,
    query: z.object({
      state: anyOf(z.enum(DELIVERY_STATES), {
        description: 'Only deliveries in one of these states',
      }),
      limit: pageLimit(500, 100),
      before: pageCursor,
    }),
  },
  responses: {
    200: pageOfItems(DeliveryBody),
    ...errorResponses,
  },
});

export function registerListWebhookDeliveries(app: ApiApp, { store }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { organisation } = c.get('principal');
    const { id } = c.req.valid('param');
    const { state, limit, before } = c.req.valid('query');
    const place = before === undefined ? undefined : placeOf(before);
    await findWebhook({ store }, organisation, id);
    const deliveries = await store.webhookDeliveries.list({
      organisation,
      endpointId: id,
      state,
      before: place,
      limit: limit + 1,
    });
    const page = pageOf(deliveries, limit, deliveryBody, (last) =>
      encodeCursor(last.createdAt.toISOString(), last.id),
    );
    return c.json(page, 200);
  });
}
