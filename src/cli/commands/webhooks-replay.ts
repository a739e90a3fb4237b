/** `evergrant webhooks replay`: starts a delivery again under the same `webhook-id`. */
import type { Command } from '../command';

export const webhooksReplay: Command = {
  words: ['webhooks', 'replay'],
  places: ['delivery-id'],
  summary: 'Deliver once more; the header webhook-id stays the same',
  async run({ api, out, json, places: [id = ''] }) {
    const delivery = await api.ask(({ admin }) =>
      admin.webhooks.deliveries[':id'].replay.$post({ param: { id } }),
    );
    if (json) out.json(delivery);
    else out.line(`It is delivered within seconds: ${id}`);
    return 0;
  },
};
