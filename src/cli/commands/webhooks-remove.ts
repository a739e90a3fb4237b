/** `evergrant webhooks remove`: removes a webhook. */
import type { Command } from '../command';

export const webhooksRemove: Command = {
  words: ['webhooks', 'remove'],
  positionals: ['id'],
  summary: 'Remove a webhook; its pending deliveries are not sent',
  async run({ api, out, positionals: [id = ''] }) {
    await api.ask(({ admin }) => admin.webhooks[':id'].$delete({ param: { id } }));
    out.done({ id, removed: true }, `Removed: ${id}`);
    return 0;
  },
};
