/** `evergrant webhooks test`: sends one `webhook.test` event and prints the result of the delivery. */
import type { Command } from '../command';
import { lastAttempt } from '../webhooks';

export const webhooksTest: Command = {
  words: ['webhooks', 'test'],
  positionals: ['id'],
  summary: 'Send a webhook.test event to a webhook and show the result',
  async run({ api, out, json, positionals: [id = ''] }) {
    const delivery = await api.ask(({ admin }) =>
      admin.webhooks[':id'].test.$post({ param: { id } }),
    );
    if (json) out.json(delivery);
    else out.line(`${delivery.state}: ${lastAttempt(delivery) ?? 'not sent'}`);
    return delivery.state === 'delivered' ? 0 : 1;
  },
};
