/** `evergrant webhooks replay`: repeats a delivery with the same `webhook-id`. */
import type { Command } from '../command';

export const webhooksReplay: Command = {
  words: ['webhooks', 'replay'],
  positionals: ['delivery-id'],
  summary: 'Repeat a delivery with the same webhook-id header',
  async run({ api, out, positionals: [id = ''] }) {
    const delivery = await api.ask(({ admin }) =>
      admin.webhooks.deliveries[':id'].replay.$post({ param: { id } }),
    );
    out.done(delivery, `Scheduled: ${id}`);
    return 0;
  },
};
