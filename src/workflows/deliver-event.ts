/**
 * The delivery of one event to one endpoint, over days. It waits, and the webhook workers make the attempts on a
 * separate task queue, so that a receiver that hangs never delays a refresh.
 */
import {
  condition,
  continueAsNew,
  defineSignal,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { WebhookActivities } from '../activities/deliver-webhook';
import {
  type AttemptDeliveryInput,
  type DeliveryState,
  webhookTaskQueue,
} from '../domain/events/webhook-delivery';

/** Events in the history after which the workflow continues as new: a delivery can be replayed any number of times. */
const HISTORY_EVENTS_MAX = 800;

/** Ends the wait for the next attempt, because the delivery was started or replayed. */
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
  // Retries only if MongoDB or the worker fails. A failed attempt is a result, and its retry is due later.
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
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    if (continueAsNewSuggested || historyLength > HISTORY_EVENTS_MAX)
      await continueAsNew<typeof deliverEventWorkflow>(input);
  }
}

/** A function, because the compiler does not see that a signal handler changes the variable during an await. */
function isSet(wanted: boolean): boolean {
  return wanted;
}
