/** `PATCH /api/admin/webhooks/{id}`: changes the address, the event types or the description of a webhook. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import { changeWebhook, WebhookPatchBody } from '../../../services/webhooks/webhooks';
import { WebhookBody, WebhookParams, webhookBody } from './webhook-bodies';

const route = createRoute({
  method: 'patch',
  path: '/api/admin/webhooks/{id}',
  operationId: 'patchWebhook',
  tags: ['Webhooks'],
  summary: 'Change the URL, the event types or the description of a webhook',
  ...forScope('admin'),
  request: {
    params: WebhookParams,
    body: { content: { 'application/json': { schema: WebhookPatchBody } }, required: true },
  },
  responses: {
    200: {
      description: 'The changed webhook',
      content: { 'application/json': { schema: WebhookBody } },
    },
    ...bodyErrorResponses,
  },
});

export function registerPatchWebhook(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const { organisation } = c.get('principal');
    const endpoint = await changeWebhook(deps, organisation, id, c.req.valid('json'));
    return c.json(webhookBody(endpoint), 200);
  });
}
