/** `DELETE /api/admin/webhooks/{id}`: removes a webhook and its secrets. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { noWebhook, WebhookParams } from './webhook-bodies';

const route = createRoute({
  method: 'delete',
  path: '/api/admin/webhooks/{id}',
  operationId: 'deleteWebhook',
  tags: ['Webhooks'],
  summary: 'Remove a webhook and its secrets; what waits for it is not delivered',
  ...forScope('admin'),
  request: { params: WebhookParams },
  responses: { 204: { description: 'Gone' }, ...errorResponses },
});

export function registerDeleteWebhook(app: ApiApp, { store, now }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const { organisation } = c.get('principal');
    if (!(await store.webhookEndpoints.delete(organisation, id))) throw noWebhook(id);
    await store.webhookDeliveries.skipPending(organisation, id, now());
    return c.body(null, 204);
  });
}
