/**
 * Moves events from the outbox to the workflows that deliver them, in a loop beside the worker that no refresh waits
 * for. Every worker runs one; concurrent rounds are idempotent.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, WorkflowIdReusePolicy } from '@temporalio/client';
import type { Logger } from 'pino';
import type { DeliveryPolicy } from '../domain/events/webhook-delivery';
import type { Store } from '../store/store';
import type { WebhookDelivery } from '../store/webhooks/webhook-delivery-model';
import {
  deliverEventWorkflow,
  deliverEventWorkflowId,
  tryNowSignal,
} from '../workflows/deliver-event';

const EVERY_MS = 1_000;
const BATCH = 100;
const TEMPORAL_ANSWERS_WITHIN_MS = 10_000;

export interface DispatcherDependencies {
  client: Client;
  store: Pick<Store, 'webhookOutbox'>;
  taskQueue: string;
  policy: DeliveryPolicy;
  logger: Logger;
  now?: () => Date;
}

export interface Dispatcher {
  /** Ends the loop after the current round. */
  stop(): Promise<void>;
}

export function startDispatcher(deps: DispatcherDependencies): Dispatcher {
  const stopping = new AbortController();
  const running = dispatchUntil(deps, stopping.signal);
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function dispatchUntil(deps: DispatcherDependencies, signal: AbortSignal): Promise<void> {
  let trouble = false;
  while (!signal.aborted) {
    try {
      await dispatchRound(deps);
      trouble = false;
    } catch (error) {
      // Nothing is lost, because the next round finds the same work. Logged once per outage.
      if (!trouble)
        deps.logger.warn(
          { err: error },
          'webhook events could not be dispatched; the next round retries them',
        );
      trouble = true;
    }
    await delay(EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** One round: raise waiting events, write their deliveries, start their workflows. */
async function dispatchRound(deps: DispatcherDependencies): Promise<void> {
  const { store, now = () => new Date() } = deps;
  await store.webhookOutbox.collect(BATCH);
  await store.webhookOutbox.dispatch(now(), BATCH);
  for (const delivery of await store.webhookOutbox.toStart(now(), BATCH)) {
    await startDelivery(deps, delivery);
    await store.webhookOutbox.started(delivery, now());
  }
}

/** Starts the workflow, or wakes the one that waits. */
async function startDelivery(
  { client, taskQueue, policy }: DispatcherDependencies,
  { id, eventId, eventType, endpointId }: WebhookDelivery,
): Promise<void> {
  await client.withDeadline(Date.now() + TEMPORAL_ANSWERS_WITHIN_MS, () =>
    client.workflow.signalWithStart(deliverEventWorkflow, {
      workflowId: deliverEventWorkflowId(eventId, endpointId),
      // Allows replays of a finished delivery.
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      taskQueue,
      args: [{ deliveryId: id, policy }],
      signal: tryNowSignal,
      staticSummary: `Deliver ${eventType}`,
    }),
  );
}
