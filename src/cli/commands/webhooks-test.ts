/** `evergrant webhooks test`: sends one `webhook.test` event and prints the result of the delivery. */
import { deliveryAnswer } from '../../domain/events/delivery-answer';
import type { Command } from '../command';
import { lastAttempt } from '../webhooks';

export const webhooksTest: Command = {
  words: ['webhooks', 'test'],
  positionals: ['id'],
  summary: 'Send a webhook.test event to a webhook and show the result',
  async run({ api, out, positionals: [id = ''] }) {
    const delivery = await api.ask(({ admin }) =>
      admin.webhooks[':id'].test.$post({ param: { id } }),
    );
    const last = delivery.attempts.at(-1);
    const isDelivered = delivery.state === 'delivered';
    const result = isDelivered || last === undefined ? lastAttempt(delivery) : deliveryAnswer(last);
    out.done(delivery, `${delivery.state}: ${result ?? 'not sent'}`);
    return isDelivered ? 0 : 1;
  },
};
