/** The activities that webhook workers run. */
import type {
  AttemptDeliveryInput,
  AttemptDeliveryResult,
} from '../domain/events/webhook-delivery';
import { attemptDelivery, type DeliveryDependencies } from '../webhooks/attempt-delivery';
import { translate } from './translate';

export function createWebhookActivities(deps: DeliveryDependencies) {
  return {
    /** Attempts a delivery if it is due, and returns the pause before the next attempt. */
    attemptDelivery(input: AttemptDeliveryInput): Promise<AttemptDeliveryResult> {
      return translate(attemptDelivery(deps, input));
    },
  };
}

export type WebhookActivities = ReturnType<typeof createWebhookActivities>;
