/** The activities of webhooks, for workers of their own. */
import type { AttemptDeliveryInput, AttemptDeliveryResult } from '../domain/webhook-delivery';
import { attemptDelivery, type DeliveryDependencies } from './attempt-delivery';
import { translate } from './translate';

export function createWebhookActivities(deps: DeliveryDependencies) {
  return {
    /** Tries a delivery if it is due, and says how long to wait for the next try. */
    attemptDelivery(input: AttemptDeliveryInput): Promise<AttemptDeliveryResult> {
      return translate(attemptDelivery(deps, input));
    },
  };
}

export type WebhookActivities = ReturnType<typeof createWebhookActivities>;
