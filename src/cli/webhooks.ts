/** Formats webhooks and their deliveries, and prints a new secret, which is shown once. */
import type { z } from 'zod';
import type { DeliveryBody, WebhookBody } from '../api/routes/webhooks/webhook-bodies';
import { type Cell, type Output, type Pairs, time } from './output';

type Webhook = z.infer<typeof WebhookBody>;
type WebhookWithSecret = Webhook & { secret: string };
type Delivery = z.infer<typeof DeliveryBody>;

export function showSecret(out: Output, webhook: WebhookWithSecret): void {
  out.one(webhook, [
    ['id', webhook.id],
    ['url', webhook.url],
    ['events', webhook.event_types.join(' ')],
    ['secret', webhook.secret],
  ]);
  if (out.isForPeople) out.remark('Store the secret now. It is not shown again.');
}

export function webhookPairs(webhook: Webhook): Pairs {
  return [
    ['id', webhook.id],
    ['url', webhook.url],
    ['events', webhook.event_types.join(' ')],
    ['description', webhook.description],
    ['reconnect links', webhook.include_reconnect_link ? 'yes' : 'no'],
    ['state', webhook.state],
    ['reason', webhook.state_reason],
    ['state since', time(webhook.state_at)],
    ['last success', time(webhook.last_success_at)],
    ['created', time(webhook.created_at)],
  ];
}

/** A cell of a table, where a sentence has no place. */
export function lastAttempt({ attempts }: Delivery): Cell {
  const last = attempts.at(-1);
  return last && `${last.status ?? last.error} ${time(last.at) ?? ''}`;
}
