/** `POST /api/admin/webhooks`: creates a webhook and answers with its secret, once. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import { createWebhook, WebhookInput } from '../../../services/webhooks/webhooks';
import { WebhookSecretBody, webhookBody } from './webhook-bodies';

const route = createRoute({
  method: 'post',
  path: '/api/admin/webhooks',
  operationId: 'createWebhook',
  tags: ['Webhooks'],
  summary: 'Create a webhook',
  description: 'Only this response contains the secret.',
  ...forScope('admin'),
  request: { body: { content: { 'application/json': { schema: WebhookInput } }, required: true } },
  responses: {
    201: {
      description: 'The webhook and its secret',
      content: { 'application/json': { schema: WebhookSecretBody } },
    },
    ...bodyErrorResponses,
  },
});

export function registerCreateWebhook(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { organisation } = c.get('principal');
    const { endpoint, secret } = await createWebhook(deps, organisation, c.req.valid('json'));
    return c.json({ ...webhookBody(endpoint), secret: secret.reveal() }, 201);
  });
}
