/** Creates, changes, tests and deletes the webhooks of an organisation, for routes and pages. */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from '@hono/zod-openapi';
import { EVENT_TYPES, STATE_EVENT_TYPES, testEvent } from '../../domain/events/event';
import type { Secret } from '../../domain/masking/secret';
import { notFound, ServiceError } from '../../domain/service-error';
import { changedMeanwhile } from '../../domain/text/messages';
import { checkedTenantUrl, ForbiddenUrl } from '../../outbound/tenant-url';
import type { WebhookConfig } from '../../process/config';
import type { Store } from '../../store/store';
import type { WebhookDelivery } from '../../store/webhooks/webhook-delivery-model';
import type { WebhookEndpoint } from '../../store/webhooks/webhook-endpoint-model';
import { requireValid } from '../../store/webhooks/webhook-endpoints';
import type { Vault } from '../../vault/vault';
import { newWebhookSecret } from '../../webhooks/signature';

/** Endpoints per organisation; each event is delivered to every endpoint that subscribes to its type. */
const ENDPOINTS_MAX = 20;
const DAY_SECONDS = 24 * 3600;
/** How long to wait for a test, in ms: a worker starts it within seconds, and the receiver has twenty. */
const TEST_WAIT_MS = 30_000;
const POLL_INTERVAL_MS = 200;

interface Dependencies {
  store: Pick<Store, 'events' | 'webhookDeliveries' | 'webhookEndpoints'>;
  vault: Vault;
  webhooks: Pick<WebhookConfig, 'allowPrivateAddresses'>;
  publicUrl: URL | null;
  now: () => Date;
}

export const WebhookInput = z
  .strictObject({
    url: z.string().min(1).openapi({ example: 'https://example.com/hooks/evergrant' }),
    event_types: z
      .array(z.enum(EVENT_TYPES))
      .min(1)
      .optional()
      .openapi({
        description: `The event types that the webhook receives. Default: all changes of state (${STATE_EVENT_TYPES.join(', ')}).`,
      }),
    description: z
      .string()
      .max(200)
      .nullable()
      .optional()
      .openapi({ description: 'The purpose of the webhook' }),
    include_reconnect_link: z.boolean().optional().openapi({
      description:
        'true: each account.needs_reconnect event has a new link for the owner of the account, as reconnect_url. Needs PUBLIC_URL.',
    }),
  })
  .openapi('NewWebhook', {
    example: {
      url: 'https://example.com/hooks/evergrant',
      event_types: ['account.needs_reconnect', 'account.recovered'],
      description: 'The shop backend',
    },
  });

export const WebhookPatchBody = WebhookInput.partial().openapi('WebhookPatch', {
  example: { event_types: ['account.needs_reconnect', 'account.recovered'] },
});

export const WebhookSecretRotationBody = z
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

/** A webhook, and its secret, which is shown once. */
interface WithSecret {
  endpoint: WebhookEndpoint;
  secret: Secret;
}

/** @throws {ServiceError} `invalid_request` for the URL; `conflict` */
export async function createWebhook(
  { store, vault, webhooks, publicUrl, now }: Dependencies,
  organisation: string,
  input: z.infer<typeof WebhookInput>,
): Promise<WithSecret> {
  const { url, event_types, description = null } = input;
  const includeReconnectLink = input.include_reconnect_link ?? false;
  requireLinks(includeReconnectLink, publicUrl);
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
  return { endpoint, secret };
}

/** @throws {ServiceError} `invalid_request` for the URL; `conflict`; `not_found` */
export async function changeWebhook(
  { store, webhooks, publicUrl }: Pick<Dependencies, 'store' | 'webhooks' | 'publicUrl'>,
  organisation: string,
  id: string,
  input: z.infer<typeof WebhookPatchBody>,
): Promise<WebhookEndpoint> {
  const { url, event_types: eventTypes, description } = input;
  const { include_reconnect_link: includeReconnectLink } = input;
  requireLinks(includeReconnectLink, publicUrl);
  const endpoint = await store.webhookEndpoints.patch(organisation, id, {
    url: url === undefined ? undefined : webhookUrl(url, webhooks.allowPrivateAddresses),
    eventTypes,
    description,
    includeReconnectLink,
  });
  if (endpoint === null) throw noWebhook(id);
  return endpoint;
}

/** Deliveries that are skipped while a webhook is disabled can be replayed. @throws {ServiceError} `not_found` */
export async function enableWebhook(
  { store, now }: Pick<Dependencies, 'store' | 'now'>,
  organisation: string,
  id: string,
): Promise<WebhookEndpoint> {
  const endpoint = await store.webhookEndpoints.setState(organisation, id, 'enabled', now());
  if (endpoint === null) throw noWebhook(id);
  return endpoint;
}

/** Also skips its pending deliveries. @throws {ServiceError} `not_found` */
export async function disableWebhook(
  { store, now }: Pick<Dependencies, 'store' | 'now'>,
  organisation: string,
  id: string,
): Promise<WebhookEndpoint> {
  const endpoint = await store.webhookEndpoints.setState(organisation, id, 'disabled', now());
  if (endpoint === null) throw noWebhook(id);
  await store.webhookDeliveries.skipPending(organisation, id, now());
  return endpoint;
}

/** Also skips its pending deliveries. @throws {ServiceError} `not_found` */
export async function deleteWebhook(
  { store, now }: Pick<Dependencies, 'store' | 'now'>,
  organisation: string,
  id: string,
): Promise<void> {
  if (!(await store.webhookEndpoints.delete(organisation, id))) throw noWebhook(id);
  await store.webhookDeliveries.skipPending(organisation, id, now());
}

/** The old secret also signs during the overlap. @throws {ServiceError} `not_found`; `conflict` */
export async function rotateWebhookSecret(
  deps: Pick<Dependencies, 'store' | 'vault' | 'now'>,
  organisation: string,
  id: string,
  { overlap_seconds: overlapSeconds }: z.infer<typeof WebhookSecretRotationBody>,
): Promise<WithSecret> {
  const { store, vault } = deps;
  const before = await findWebhook(deps, organisation, id);
  const { secret, sealed } = sealedSecret(vault, organisation, id);
  const now = deps.now();
  const overlapEndsAt = new Date(now.getTime() + overlapSeconds * 1000);
  const endpoint = await store.webhookEndpoints.rotateSecret(before, sealed, {
    overlapEndsAt,
    now,
  });
  if (endpoint === null) throw new ServiceError('conflict', changedMeanwhile(`webhook ${id}`));
  return { endpoint, secret };
}

/** Sends a test event and waits for its delivery. @throws {ServiceError} `not_found`; `still_running` */
export async function testWebhook(
  deps: Pick<Dependencies, 'store' | 'now'>,
  organisation: string,
  id: string,
): Promise<WebhookDelivery> {
  const { store, now } = deps;
  const endpoint = await findWebhook(deps, organisation, id);
  requireValid(endpoint);
  const at = now();
  const event = testEvent(endpoint, at);
  await store.events.raise(event);
  const { id: deliveryId } = await store.webhookDeliveries.create(event, endpoint, at);
  const deadline = performance.now() + TEST_WAIT_MS;
  let delivery: WebhookDelivery | null;
  do {
    // oxlint-disable-next-line no-await-in-loop -- waits for a worker
    await delay(POLL_INTERVAL_MS);
    // oxlint-disable-next-line no-await-in-loop
    delivery = await store.webhookDeliveries.find(organisation, deliveryId);
  } while (delivery?.state === 'pending' && performance.now() < deadline);
  if (delivery === null || delivery.state === 'pending') {
    throw new ServiceError(
      'still_running',
      `No worker sent the test event within ${TEST_WAIT_MS / 1000} s. Check that a worker is running. The result will be among the deliveries of the webhook.`,
    );
  }
  return delivery;
}

/** @throws {ServiceError} `not_found` */
export async function findWebhook(
  { store }: Pick<Dependencies, 'store'>,
  organisation: string,
  id: string,
): Promise<WebhookEndpoint> {
  const endpoint = await store.webhookEndpoints.find(organisation, id);
  if (endpoint === null) throw noWebhook(id);
  return endpoint;
}

/** @throws {ServiceError} `conflict` */
function requireLinks(isAsked: boolean | undefined, publicUrl: URL | null): void {
  if (isAsked !== true || publicUrl !== null) return;
  throw new ServiceError(
    'conflict',
    'include_reconnect_link: PUBLIC_URL is not set, and links need it. Set it to the address at which browsers reach Evergrant.',
  );
}

/** @throws {ServiceError} `invalid_request` with the problem of the URL */
function webhookUrl(text: string, allowPrivate: boolean): string {
  try {
    return checkedTenantUrl(text, { allowPrivate }).href;
  } catch (error) {
    if (!(error instanceof ForbiddenUrl)) throw error;
    throw new ServiceError('invalid_request', `url: ${error.message}`);
  }
}

/** A new endpoint secret: the text to show once, and the encrypted form to store. */
function sealedSecret(
  vault: Vault,
  organisation: string,
  endpointId: string,
): { secret: Secret; sealed: string } {
  const secret = newWebhookSecret();
  return { secret, sealed: vault.sealWebhookSecret(secret.reveal(), { organisation, endpointId }) };
}

function newWebhookId(): string {
  return `whk_${randomBytes(12).toString('hex')}`;
}

/** The same error for an absent endpoint and for one of another organisation. */
function noWebhook(id: string): ServiceError {
  return notFound(`webhook ${id}`);
}
