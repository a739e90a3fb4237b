/** `POST /api/admin/webhooks/{id}/rotate-secret`: creates a new secret; the old one also signs during the overlap. */
import { createRoute, z } from '@hono/zod-openapi';
import { ServiceError } from '../../../domain/service-error';
import { changedMeanwhile } from '../../../domain/text/messages';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import {
  noWebhook,
  sealedSecret,
  WebhookParams,
  WebhookSecretBody,
  webhookBody,
} from './webhook-bodies';

const DAY_SECONDS = 24 * 3600;

const Body = z
  .strictObject({
    overlap_seconds: z
      .number()
      .int()
      .min(0)
      .max(7 * DAY_SECONDS)
      .default(DAY_SECONDS)
      .openapi({
        description: 'How long, in seconds, the old secret also signs. Default: one day.',
      }),
  })
  .openapi('WebhookSecretRotation', { example: { overlap_seconds: DAY_SECONDS } });

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
    body: { content: { 'application/json': { schema: Body } }, required: true },
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
    const { store, vault } = deps;
    const { id } = c.req.valid('param');
    const { overlap_seconds: overlapSeconds } = c.req.valid('json');
    const { organisation } = c.get('principal');
    const before = await store.webhookEndpoints.find(organisation, id);
    if (before === null) throw noWebhook(id);
    const { secret, sealed } = sealedSecret(vault, organisation, id);
    const now = deps.now();
    const overlapEndsAt = new Date(now.getTime() + overlapSeconds * 1000);
    const endpoint = await store.webhookEndpoints.rotateSecret(before, sealed, {
      overlapEndsAt,
      now,
    });
    if (endpoint === null) {
      throw new ServiceError('conflict', changedMeanwhile(`webhook ${id}`));
    }
    return c.json({ ...webhookBody(endpoint), secret: secret.reveal() }, 200);
  });
}
