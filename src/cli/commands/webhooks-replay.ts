import type { Command } from '../command';
import { type Delivery, webhookPath } from '../webhooks';

export const webhooksReplay: Command = {
  words: ['webhooks', 'replay'],
  places: ['delivery-id'],
  summary: 'Deliver once more; the header webhook-id stays the same',
  async run({ api, out, json, places: [id = ''] }) {
    const delivery = await api.post<Delivery>(
      webhookPath('deliveries', `/${encodeURIComponent(id)}/replay`),
    );
    if (json) out.json(delivery);
    else out.line(`It is delivered within seconds: ${id}`);
    return 0;
  },
};
