/** `evergrant webhooks remove`: removes a webhook. */
import type { Command } from '../command';

export const webhooksRemove: Command = {
  words: ['webhooks', 'remove'],
  places: ['id'],
  summary: 'Remove a webhook; what waits for it is not delivered',
  async run({ api, out, json, places: [id = ''] }) {
    await api.ask(({ admin }) => admin.webhooks[':id'].$delete({ param: { id } }));
    if (json) out.json({ id, removed: true });
    else out.line(`Removed: ${id}`);
    return 0;
  },
};
