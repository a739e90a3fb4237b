/** `evergrant webhooks test`: sends one `webhook.test` event and prints how the delivery ended. */
import type { Command } from '../command';
import { lastTry } from '../webhooks';

export const webhooksTest: Command = {
  words: ['webhooks', 'test'],
  places: ['id'],
  summary: 'Send a webhook one event of the type webhook.test, and say how it went',
  async run({ api, out, json, places: [id = ''] }) {
    const delivery = await api.ask(({ admin }) =>
      admin.webhooks[':id'].test.$post({ param: { id } }),
    );
    if (json) out.json(delivery);
    else out.line(`${delivery.state}: ${lastTry(delivery) ?? 'not sent'}`);
    return delivery.state === 'delivered' ? 0 : 1;
  },
};
