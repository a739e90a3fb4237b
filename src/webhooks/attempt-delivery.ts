/**
 * One attempt of a webhook delivery: read, sign, send, record the outcome. The workflow only waits. The state is in
 * MongoDB, so a delivery continues even if its workflow is lost.
 */
import { log } from '@temporalio/activity';
import { deliveryAnswer } from '../domain/events/delivery-answer';
import { type DisabledReason, eventPayload, type RaisedEvent } from '../domain/events/event';
import {
  type AttemptDeliveryInput,
  type AttemptDeliveryResult,
  type DeliveryPolicy,
  holdMs,
  isLastTry,
  pauseBeforeTryMs,
} from '../domain/events/webhook-delivery';
import { Secret } from '../domain/masking/secret';
import { retryAfterMs } from '../domain/refresh/refresh-failure';
import { webhookAttempts } from '../metrics/metrics';
import { type GuardedTransport, OutboundError } from '../outbound/guarded-transport';
import type { Store } from '../store/store';
import type { DeliveryAttempt, WebhookDelivery } from '../store/webhooks/webhook-delivery-model';
import { signingSecrets, type WebhookEndpoint } from '../store/webhooks/webhook-endpoint-model';
import type { Vault } from '../vault/vault';
import { signedHeaders } from './signature';

export interface DeliveryDependencies {
  store: Pick<Store, 'webhookDeliveries' | 'webhookOutbox'>;
  vault: Pick<Vault, 'openWebhookSecret'>;
  outbound: Pick<GuardedTransport, 'post'>;
  /** `null`: without PUBLIC_URL there are no links. */
  links: DeliveryLinks | null;
  now: () => Date;
}

interface DeliveryLink {
  sessionId: string;
  url: string;
  expiresAt: Date;
}

/** Makes the links that events carry to endpoints that ask for them. */
export interface DeliveryLinks {
  /** @returns `null`: no link can reconnect the account */
  create(endpoint: WebhookEndpoint, accountId: string): Promise<DeliveryLink | null>;
  /** Revokes a link that the endpoint did not accept. The next attempt has another one. */
  revoke(endpoint: WebhookEndpoint, sessionId: string): Promise<void>;
}

/** The inputs of an attempt. */
interface Try {
  delivery: WebhookDelivery;
  endpoint: WebhookEndpoint;
  event: RaisedEvent;
  policy: DeliveryPolicy;
}

interface Answer extends DeliveryAttempt {
  retryAfterMs: number | null;
}

const GONE = 410;

/** A test reports its outcome and has no retries or other effects. */
const isTest = ({ event }: Try) => event.type === 'webhook.test';

export async function attemptDelivery(
  deps: DeliveryDependencies,
  { deliveryId, policy }: AttemptDeliveryInput,
): Promise<AttemptDeliveryResult> {
  const outbox = deps.store.webhookOutbox;
  const found = await outbox.read(deliveryId);
  if (found === null || found.delivery.state !== 'pending') return over(found?.delivery.state);
  const { delivery, endpoint, event } = found;
  const now = deps.now();
  const earlyMs = Number(delivery.nextTryAt) - now.getTime();
  if (earlyMs > 0) return { state: 'pending', pauseMs: earlyMs };
  if (endpoint === null || event === null) return skip(deps, delivery);
  if (endpoint.state === 'invalid') return skip(deps, delivery);
  const one: Try = { delivery, endpoint, event, policy };
  if (isTest(one)) return test(deps, one);
  if (endpoint.state === 'disabled') return skip(deps, delivery);
  const { holdUntil } = endpoint;
  // The last attempt is always made, so that no delivery is given up unsent.
  const held = holdUntil !== null && holdUntil > now && !isLastTry(policy, delivery.tries);
  if (held) return again(deps, one, null, holdUntil.getTime() - now.getTime());
  const answer = await sendOnce(deps, one);
  return isAccepted(answer) ? succeed(deps, one, answer) : fail(deps, one, answer);
}

async function sendOnce(deps: DeliveryDependencies, one: Try): Promise<Answer> {
  const answer = await send(deps, one);
  const unaccepted = answer.status === null ? 'failed' : 'refused';
  webhookAttempts.add({ result: isAccepted(answer) ? 'delivered' : unaccepted });
  return answer;
}

async function send(deps: DeliveryDependencies, one: Try): Promise<Answer> {
  const link = await linkOf(deps, one);
  const answer = await sendWith(deps, one, link);
  if (link !== null && !isAccepted(answer)) await deps.links?.revoke(one.endpoint, link.sessionId);
  return answer;
}

async function linkOf(
  { links }: DeliveryDependencies,
  { endpoint, event }: Try,
): Promise<DeliveryLink | null> {
  if (links === null || !endpoint.includeReconnectLink) return null;
  if (event.type !== 'account.needs_reconnect') return null;
  return links.create(endpoint, event.data.account_id);
}

async function sendWith(
  deps: DeliveryDependencies,
  { endpoint, event, policy }: Try,
  link: DeliveryLink | null,
): Promise<Answer> {
  const at = deps.now();
  const { id: endpointId, organisation, url } = endpoint;
  const secrets = signingSecrets(endpoint, at).map(
    ({ sealed }) => new Secret(deps.vault.openWebhookSecret(sealed, { organisation, endpointId })),
  );
  const body = eventPayload(
    event,
    link === null
      ? {}
      : { reconnect_url: link.url, reconnect_url_expires_at: link.expiresAt.toISOString() },
  );
  const began = performance.now();
  const tried = (status: number | null, error: string | null) => ({
    at,
    status,
    error,
    durationMs: Math.round(performance.now() - began),
  });
  try {
    const { status, retryAfter } = await deps.outbound.post({
      url,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Evergrant-Webhooks/1',
        ...signedHeaders(event.id, at, body, secrets),
      },
      body,
      deadlineMs: policy.timeoutMs,
    });
    const asked = retryAfter === null ? null : retryAfterMs(retryAfter, deps.now());
    return { ...tried(status, null), retryAfterMs: asked };
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    return { ...tried(null, error.code), retryAfterMs: null };
  }
}

/** 2xx only: redirects are not followed and do not count as accepted. */
function isAccepted({ status }: Answer): boolean {
  return status !== null && status >= 200 && status < 300;
}

async function test(deps: DeliveryDependencies, one: Try): Promise<AttemptDeliveryResult> {
  const answer = await sendOnce(deps, one);
  const state = isAccepted(answer) ? 'delivered' : 'failed';
  await deps.store.webhookOutbox.conclude(one.delivery, answer, { state, at: deps.now() });
  return over(state);
}

async function succeed(
  deps: DeliveryDependencies,
  { delivery, endpoint }: Try,
  answer: Answer,
): Promise<AttemptDeliveryResult> {
  const at = deps.now();
  await deps.store.webhookOutbox.conclude(delivery, answer, { state: 'delivered', at });
  await deps.store.webhookOutbox.noteSuccess(endpoint, at);
  return over('delivered');
}

async function fail(
  deps: DeliveryDependencies,
  one: Try,
  answer: Answer,
): Promise<AttemptDeliveryResult> {
  const { delivery, endpoint, policy } = one;
  const outbox = deps.store.webhookOutbox;
  const now = deps.now();
  log.warn('the endpoint did not accept a webhook', {
    webhook_id: endpoint.id,
    delivery_id: delivery.id,
    organisation: endpoint.organisation,
    status: answer.status,
    reason: answer.error,
    summary: deliveryAnswer(answer),
  });
  if (answer.status === GONE) {
    await disable(deps, one, 'gone', 'The endpoint answered 410 Gone.');
  } else if (!isLastTry(policy, delivery.tries)) {
    const hold = holdMs(policy, endpoint.failures + 1, answer.retryAfterMs);
    await outbox.noteFailure(endpoint, new Date(now.getTime() + hold));
    return again(deps, one, answer, answer.retryAfterMs);
  } else if (endpoint.lastSuccessAt === null || endpoint.lastSuccessAt < delivery.createdAt) {
    await disable(
      deps,
      one,
      'no_success',
      'The endpoint accepted no delivery until all attempts of an event had failed.',
    );
  }
  await outbox.conclude(delivery, answer, { state: 'failed', at: now });
  return over('failed');
}

/** Disables the endpoint with its event, and skips its other pending deliveries. */
async function disable(
  { store, now }: DeliveryDependencies,
  { endpoint, delivery }: Try,
  reason: DisabledReason,
  message: string,
): Promise<void> {
  const at = now();
  if (!(await store.webhookOutbox.disable(endpoint, { reason, message }, at))) return;
  await store.webhookDeliveries.skipPending(endpoint.organisation, endpoint.id, at, delivery.id);
  log.warn('a webhook endpoint was disabled', {
    webhook_id: endpoint.id,
    organisation: endpoint.organisation,
    reason,
  });
}

/** @param notBeforeMs the endpoint's `Retry-After`, or the length of its hold */
async function again(
  { store, now }: DeliveryDependencies,
  { delivery, policy }: Try,
  answer: Answer | null,
  notBeforeMs: number | null,
): Promise<AttemptDeliveryResult> {
  const pauseMs = pauseBeforeTryMs(policy, delivery.tries + 1, notBeforeMs, Math.random()) ?? 0;
  const nextTryAt = new Date(now().getTime() + pauseMs);
  await store.webhookOutbox.conclude(delivery, answer, { nextTryAt });
  return { state: 'pending', pauseMs };
}

async function skip(
  { store, now }: DeliveryDependencies,
  delivery: WebhookDelivery,
): Promise<AttemptDeliveryResult> {
  await store.webhookOutbox.conclude(delivery, null, { state: 'skipped', at: now() });
  return over('skipped');
}

function over(state: AttemptDeliveryResult['state'] = 'skipped'): AttemptDeliveryResult {
  return { state, pauseMs: null };
}
