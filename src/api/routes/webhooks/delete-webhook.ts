/** `DELETE /api/admin/webhooks/{id}`: deletes a webhook and its secrets; its pending deliveries are skipped. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { deleteWebhook } from '../../../services/webhooks/webhooks';
import { WebhookParams } from './webhook-bodies';

const route = createRoute({
  method: 'delete',
  path: '/api/admin/webhooks/{id}',
  operationId: 'deleteWebhook',
  tags: ['Webhooks'],
  summary: 'Delete a webhook and its secrets',
  description: 'Its pending deliveries are skipped.',
  ...forScope('admin'),
  request: { params: WebhookParams },
  responses: { 204: { description: 'Deleted' }, ...errorResponses },
});

export function registerDeleteWebhook(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    await deleteWebhook(deps, c.get('principal').organisation, c.req.valid('param').id);
    return c.body(null, 204);
  });
}
