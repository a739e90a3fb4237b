/** Webhook endpoints, deliveries and events in API responses. A secret is shown once, by the route that creates it. */
import { z } from '@hono/zod-openapi';
import { EVENT_TYPES, type RaisedEvent } from '../../../domain/events/event';
import { DELIVERY_STATES } from '../../../domain/events/webhook-delivery';
import type { WebhookDelivery } from '../../../store/webhooks/webhook-delivery-model';
import {
  ENDPOINT_STATES,
  type WebhookEndpoint,
} from '../../../store/webhooks/webhook-endpoint-model';

const time = z.iso.datetime();

const WEBHOOK_ID = 'whk_4b6f0c2d9e8a7b6c5d4e3f2a';
const DELIVERY_ID = 'dlv_9c1d7e3f5a2b4c6d8e0f1a2b';
const ACCOUNT_ID = 'acc_4b6f0c2d9e8a7b6c5d4e3f2a';
const EVENT_ID = `evt_${ACCOUNT_ID}_account_needs_reconnect_1795372205112`;

export const WebhookBody = z
  .object({
    id: z.string().openapi({ example: WEBHOOK_ID }),
    url: z.string(),
    event_types: z.array(z.enum(EVENT_TYPES)),
    description: z.string().nullable(),
    include_reconnect_link: z.boolean(),
    state: z.enum(ENDPOINT_STATES).openapi({
      description:
        'invalid: Evergrant did not write the row of the webhook in MongoDB, or the row was changed later. Nothing is sent to the webhook.',
    }),
    state_reason: z.string().nullable(),
    state_at: time,
    secrets: z.array(z.object({ created_at: time, expires_at: time.nullable() })).openapi({
      description: 'The newest comes first. A replaced secret also signs until it expires.',
    }),
    last_success_at: time.nullable(),
    created_at: time,
    updated_at: time,
  })
  .openapi('Webhook', {
    example: {
      id: WEBHOOK_ID,
      url: 'https://example.com/hooks/evergrant',
      event_types: ['account.needs_reconnect', 'account.recovered'],
      description: 'The shop backend',
      include_reconnect_link: false,
      state: 'enabled',
      state_reason: null,
      state_at: '2026-11-20T09:12:44.870Z',
      secrets: [{ created_at: '2026-11-20T09:12:44.870Z', expires_at: null }],
      last_success_at: '2026-11-22T18:30:06.020Z',
      created_at: '2026-11-20T09:12:44.870Z',
      updated_at: '2026-11-22T18:30:06.020Z',
    },
  });

/** The only response that contains the secret. */
export const WebhookSecretBody = WebhookBody.extend({
  secret: z.string().openapi({
    description: 'The secret. Save it now: it is not shown again.',
    example: 'whsec_…',
  }),
}).openapi('WebhookWithSecret');

export const DeliveryBody = z
  .object({
    id: z.string().openapi({ example: DELIVERY_ID }),
    webhook_id: z.string(),
    event_id: z.string().openapi({ description: 'The header webhook-id of every attempt' }),
    event_type: z.string(),
    state: z.enum(DELIVERY_STATES),
    attempts: z.array(
      z.object({
        at: time,
        status: z.number().int().nullable(),
        error: z.string().nullable().openapi({
          description:
            'Why the receiver sent no response: deadline_passed, address_refused, ECONNREFUSED, …',
        }),
        duration_ms: z.number().int(),
      }),
    ),
    next_try_at: time.nullable(),
    created_at: time,
    finished_at: time.nullable(),
  })
  .openapi('WebhookDelivery', {
    example: {
      id: DELIVERY_ID,
      webhook_id: WEBHOOK_ID,
      event_id: EVENT_ID,
      event_type: 'account.needs_reconnect',
      state: 'delivered',
      attempts: [
        {
          at: '2026-11-22T18:30:05.640Z',
          status: 204,
          error: null,
          duration_ms: 380,
        },
      ],
      next_try_at: null,
      created_at: '2026-11-22T18:30:05.310Z',
      finished_at: '2026-11-22T18:30:06.020Z',
    },
  });

export const EventBody = z
  .object({
    id: z.string(),
    type: z.enum([...EVENT_TYPES, 'webhook.test']),
    at: time,
    data: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
  })
  .openapi('Event', {
    example: {
      id: EVENT_ID,
      type: 'account.needs_reconnect',
      at: '2026-11-22T18:30:05.112Z',
      data: {
        account_id: ACCOUNT_ID,
        label: 'Harbour Books',
        provider: 'ebay',
        environment: 'production',
        status: 'needs_reconnect',
        reason: 'invalid_grant',
      },
    },
  });

/** The endpoint id in a path; any other text gives a 404. */
export const WebhookParams = z.object({
  id: z.string().openapi({
    param: { name: 'id', in: 'path' },
    description: 'The id of the webhook',
    example: WEBHOOK_ID,
  }),
});

/** The delivery id in a path. */
export const DeliveryParams = z.object({
  id: z.string().openapi({
    param: { name: 'id', in: 'path' },
    description: 'The id of the delivery',
    example: DELIVERY_ID,
  }),
});

export function webhookBody(endpoint: WebhookEndpoint): z.infer<typeof WebhookBody> {
  return {
    id: endpoint.id,
    url: endpoint.url,
    event_types: endpoint.eventTypes,
    description: endpoint.description,
    include_reconnect_link: endpoint.includeReconnectLink,
    state: endpoint.state,
    state_reason: endpoint.stateReason,
    state_at: endpoint.stateAt.toISOString(),
    secrets: endpoint.secrets.map(({ createdAt, expiresAt }) => ({
      created_at: createdAt.toISOString(),
      expires_at: expiresAt?.toISOString() ?? null,
    })),
    last_success_at: endpoint.lastSuccessAt?.toISOString() ?? null,
    created_at: endpoint.createdAt.toISOString(),
    updated_at: endpoint.updatedAt.toISOString(),
  };
}

export function deliveryBody(delivery: WebhookDelivery): z.infer<typeof DeliveryBody> {
  return {
    id: delivery.id,
    webhook_id: delivery.endpointId,
    event_id: delivery.eventId,
    event_type: delivery.eventType,
    state: delivery.state,
    attempts: delivery.attempts.map(({ at, status, error, durationMs }) => ({
      at: at.toISOString(),
      status,
      error,
      duration_ms: durationMs,
    })),
    next_try_at: delivery.nextTryAt?.toISOString() ?? null,
    created_at: delivery.createdAt.toISOString(),
    finished_at: delivery.finishedAt?.toISOString() ?? null,
  };
}

export function eventBody({ id, type, at, data }: RaisedEvent): z.infer<typeof EventBody> {
  return { id, type, at, data: { ...data } };
}
