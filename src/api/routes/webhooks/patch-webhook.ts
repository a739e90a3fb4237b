/** `PATCH /api/admin/webhooks/{id}`: changes the address, the event types or the description of a webhook. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import {
  noWebhook,
  requireLinks,
  WebhookBody,
  WebhookInput,
  WebhookParams,
  webhookBody,
  webhookUrl,
} from './webhook-bodies';

const Body = WebhookInput.partial().openapi('WebhookPatch', {
  example: { event_types: ['account.needs_reconnect', 'account.recovered'] },
});

const route = createRoute({
  method: 'patch',
  path: '/api/admin/webhooks/{id}',
  operationId: 'patchWebhook',
  tags: ['Webhooks'],
  summary: 'Change the URL, the event types or the description of a webhook',
  ...forScope('admin'),
  request: {
    params: WebhookParams,
    body: { content: { 'application/json': { schema: Body } }, required: true },
  },
  responses: {
    200: {
      description: 'The changed webhook',
      content: { 'application/json': { schema: WebhookBody } },
    },
    ...bodyErrorResponses,
  },
});

export function registerPatchWebhook(app: ApiApp, { store, webhooks, publicUrl }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const {
      url,
      event_types: eventTypes,
      description,
      include_reconnect_link: includeReconnectLink,
    } = c.req.valid('json');
    requireLinks(includeReconnectLink, publicUrl);
    const endpoint = await store.webhookEndpoints.patch(c.get('principal').organisation, id, {
      url: url === undefined ? undefined : webhookUrl(url, webhooks.allowPrivateAddresses),
      eventTypes,
      description,
      includeReconnectLink,
    });
    if (endpoint === null) throw noWebhook(id);
    return c.json(webhookBody(endpoint), 200);
  });
}
