/** Webhook deliveries: their state, their last attempt, and the replay. */
import { deliveryAnswer } from '../../domain/events/delivery-answer';
import type { DeliveryState } from '../../domain/events/webhook-delivery';
import type { WebhookDelivery } from '../../store/webhooks/webhook-delivery-model';
import { Badge, type Tone } from './badge';
import { Moment } from './time';

const TONES: Record<DeliveryState, Tone> = {
  failed: 'bad',
  pending: 'active',
  skipped: 'warn',
  delivered: 'good',
};

export function DeliveryOutcome({ delivery }: { delivery: WebhookDelivery }) {
  return (
    <>
      <Badge tone={TONES[delivery.state]}>{delivery.state}</Badge>
      <span class="detail">{lastAttempt(delivery)}</span>
    </>
  );
}

export function lastAttempt({ attempts }: WebhookDelivery): string | null {
  const last = attempts.at(-1);
  return last === undefined ? null : deliveryAnswer(last);
}

export function ReplayForm({ id }: { id: string }) {
  return (
    <form method="post" action={`/admin/deliveries/${encodeURIComponent(id)}/replay`}>
      <button>
        Replay<span class="hidden"> {id}</span>
      </button>
    </form>
  );
}

/** A short table without filters. */
export function DeliveryTable({ deliveries }: { deliveries: readonly WebhookDelivery[] }) {
  return (
    <table class="rows">
      <thead>
        <tr>
          <th scope="col">Event</th>
          <th scope="col">State</th>
          <th scope="col">Created</th>
          <th scope="col">Attempts</th>
          <th scope="col">Actions</th>
        </tr>
      </thead>
      <tbody>
        {deliveries.map((delivery) => (
          <tr>
            <th scope="row">{delivery.eventType}</th>
            <td data-label="State">
              <DeliveryOutcome delivery={delivery} />
            </td>
            <td data-label="Created">
              <Moment at={delivery.createdAt} />
            </td>
            <td data-label="Attempts">{delivery.attempts.length}</td>
            <td data-label="Actions">
              <ReplayForm id={delivery.id} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
