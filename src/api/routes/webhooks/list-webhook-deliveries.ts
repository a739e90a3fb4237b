import { createRoute, z } from '@hono/zod-openapi';
import { DELIVERY_STATES } from '../../domain/webhook-delivery';
import type { ApiApp } from '../app';
import { forScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { errorResponses } from '../errors';
import { encodeCursor, pageCursor, pageLimit } from '../schemas';
import { DeliveryBody, deliveryBody, noWebhook, placeOf, WebhookParams } from '../webhook-bodies';

const route = createRoute({
  method: 'get',
  path: '/api/admin/webhooks/{id}/deliveries',
  operationId: 'listWebhookDeliveries',
  tags: ['Webhooks'],
  summary: 'What was delivered to a webhook, or is to be, with every try; newest first',
  ...forScope('admin'),
  request: {
    params: WebhookParams,
    query: z.object({
      state: z
        .enum(DELIVERY_STATES)
        .optional()
        .openapi({ description: 'Those that stand so only' }),
      limit: pageLimit(500, 100),
      before: pageCursor,
    }),
  },
  responses: {
    200: {
      description: 'One page',
      content: {
        'application/json': {
          schema: z.object({ items: z.array(DeliveryBody), next_cursor: z.string().nullable() }),
        },
      },
    },
    ...errorResponses,
  },
});

export function registerListWebhookDeliveries(app: ApiApp, { store }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { organisation } = c.get('principal');
    const { id } = c.req.valid('param');
    const { state, limit, before } = c.req.valid('query');
    const place = placeOf(before);
    if ((await store.webhookEndpoints.find(organisation, id)) === null) throw noWebhook(id);
    const deliveries = await store.webhookDeliveries.list({
      organisation,
      endpointId: id,
      state,
      before: place,
      limit: limit + 1,
    });
    const page = deliveries.slice(0, limit);
    const last = page.at(-1);
    const more = deliveries.length > limit && last !== undefined;
    return c.json(
      {
        items: page.map(deliveryBody),
        next_cursor: more ? encodeCursor(last.createdAt.toISOString(), last.id) : null,
      },
      200,
    );
  });
}
