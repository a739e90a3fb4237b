/** `evergrant webhooks remove`: removes a webhook. */
import type { Command } from '../command';

export const webhooksRemove: Command = {
  words: ['webhooks', 'remove'],
  positionals: ['id'],
  summary: 'Remove a webhook; its pending deliveries are not sent',
  async run({ api, out, json, positionals: [id = ''] }) {
    await api.ask(({ admin }) => admin.webhooks[':id'].$delete({ param: { id } }));
    if (json) out.json({ id, removed: true });
    else out.line(`Removed: ${id}`);
    return 0;
  },
};
