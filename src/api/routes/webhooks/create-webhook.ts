/** `POST /api/admin/webhooks`: creates a webhook and answers with its secret, once. */
import { createRoute } from '@hono/zod-openapi';
import { STATE_EVENT_TYPES } from '../../../domain/events/event';
import { ServiceError } from '../../../domain/service-error';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import {
  newWebhookId,
  requireLinks,
  sealedSecret,
  WebhookInput,
  WebhookSecretBody,
  webhookBody,
  webhookUrl,
} from './webhook-bodies';

/** Endpoints per organisation; each event is delivered to every endpoint that subscribes to its type. */
const ENDPOINTS_MAX = 20;

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
    const { store, vault, webhooks, publicUrl, now } = deps;
    const {
      url,
      event_types,
      description = null,
      include_reconnect_link: includeReconnectLink = false,
    } = c.req.valid('json');
    requireLinks(includeReconnectLink, publicUrl);
    const { organisation } = c.get('principal');
    const checked = webhookUrl(url, webhooks.allowPrivateAddresses);
    if ((await store.webhookEndpoints.list(organisation)).length >= ENDPOINTS_MAX) {
      throw new ServiceError(
        'conflict',
        `Your organisation has ${ENDPOINTS_MAX} webhooks, which is the maximum. Delete one and try again.`,
      );
    }
    const id = newWebhookId();
    const { secret, sealed } = sealedSecret(vault, organisation, id);
    const endpoint = await store.webhookEndpoints.create(
      {
        id,
        organisation,
        url: checked,
        eventTypes: event_types ?? STATE_EVENT_TYPES,
        description,
        includeReconnectLink,
        sealedSecret: sealed,
      },
      now(),
    );
    return c.json({ ...webhookBody(endpoint), secret: secret.reveal() }, 201);
  });
}
