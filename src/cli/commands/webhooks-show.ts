/** `evergrant webhooks show`: prints one webhook, without its secrets. */
import type { Command } from '../command';
import { webhookPairs } from '../webhooks';

export const webhooksShow: Command = {
  words: ['webhooks', 'show'],
  positionals: ['id'],
  summary: 'Show a webhook, without its secrets',
  async run({ api, out, positionals: [id = ''] }) {
    const webhook = await api.ask(({ admin }) => admin.webhooks[':id'].$get({ param: { id } }));
    out.one(webhook, webhookPairs(webhook));
    return 0;
  },
};
