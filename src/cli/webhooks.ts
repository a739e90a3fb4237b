/** Formats webhooks and their deliveries, and prints a new secret, which is shown once. */
import type { z } from 'zod';
import type { DeliveryBody, WebhookBody } from '../api/routes/webhooks/webhook-bodies';
import type { Context } from './command';
import { type Cell, time } from './output';

type Webhook = z.infer<typeof WebhookBody>;
type WebhookWithSecret = Webhook & { secret: string };
type Delivery = z.infer<typeof DeliveryBody>;

export function showSecret(
  { out, json }: Pick<Context, 'out' | 'json'>,
  webhook: WebhookWithSecret,
): void {
  if (json) out.json(webhook);
  else {
    out.pairs([
      ['id', webhook.id],
      ['url', webhook.url],
      ['events', webhook.event_types.join(' ')],
      ['secret', webhook.secret],
    ]);
    out.remark('Store the secret now. It is not shown again.');
  }
}

export function lastAttempt({ attempts }: Delivery): Cell {
  const last = attempts.at(-1);
  return last && `${last.status ?? last.error} ${time(last.at) ?? ''}`;
}
