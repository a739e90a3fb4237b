/** `POST /api/admin/webhooks/{id}/rotate-secret`: creates a new secret; the old one also signs during the overlap. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import {
  rotateWebhookSecret,
  WebhookSecretRotationBody,
} from '../../../services/webhooks/webhooks';
import { WebhookParams, WebhookSecretBody, webhookBody } from './webhook-bodies';

const route = createRoute({
  method: 'post',
  path: '/api/admin/webhooks/{id}/rotate-secret',
  operationId: 'rotateWebhookSecret',
  tags: ['Webhooks'],
  summary: 'Rotate the secret of a webhook',
  description:
    'Only this response contains the new secret. During the overlap, the old secret also signs each delivery.',
  ...forScope('admin'),
  request: {
    params: WebhookParams,
    body: {
      content: { 'application/json': { schema: WebhookSecretRotationBody } },
      required: true,
    },
  },
  responses: {
    200: {
      description: 'The webhook and its new secret',
      content: { 'application/json': { schema: WebhookSecretBody } },
    },
    ...bodyErrorResponses,
  },
});

export function registerRotateWebhookSecret(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { endpoint, secret } = await rotateWebhookSecret(
      deps,
      c.get('principal').organisation,
      c.req.valid('param').id,
      c.req.valid('json'),
    );
    return c.json({ ...webhookBody(endpoint), secret: secret.reveal() }, 200);
  });
}
