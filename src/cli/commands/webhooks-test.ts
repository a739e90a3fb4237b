/** `evergrant webhooks test`: sends one `webhook.test` event and prints the result of the delivery. */
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
    out.done(delivery, `${delivery.state}: ${lastAttempt(delivery) ?? 'not sent'}`);
    return delivery.state === 'delivered' ? 0 : 1;
  },
};
