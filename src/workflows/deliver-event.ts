/**
 * The delivery of one event to one endpoint, over days. It waits, and has what is due done by the workers of webhooks:
 * those have a task queue of their own, so that a receiver that hangs never keeps a refresh waiting.
 */
import {
  condition,
  defineSignal,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { WebhookActivities } from '../activities/webhook-activities';
import {
  type AttemptDeliveryInput,
  type DeliveryState,
  webhookTaskQueue,
} from '../domain/webhook-delivery';

/** What was to wait is to be tried now: it begins, or somebody replays it. */
export const tryNowSignal = defineSignal('tryNow');

export function deliverEventWorkflowId(eventId: string, endpointId: string): string {
  return `deliver-event/${eventId}/${endpointId}`;
}

export async function deliverEventWorkflow(
  input: AttemptDeliveryInput,
): Promise<{ state: DeliveryState }> {
  let wanted = false;
  setHandler(tryNowSignal, () => {
    wanted = true;
  });
  // Only where the database or the worker is away: what the receiver says is a result, and its retry is due later.
  const { attemptDelivery } = proxyActivities<WebhookActivities>({
    taskQueue: webhookTaskQueue(workflowInfo().taskQueue),
    startToCloseTimeout: '60s',
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '5 minutes' },
  });
  for (;;) {
    wanted = false;
    const { state, pauseMs } = await attemptDelivery(input);
    if (pauseMs !== null) await condition(() => wanted, pauseMs);
    else if (!isSet(wanted)) return { state };
  }
}

/** A function, because the compiler does not see that a handler assigns while this workflow waits. */
function isSet(wanted: boolean): boolean {
  return wanted;
}
