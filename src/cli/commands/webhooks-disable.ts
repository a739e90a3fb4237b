/** `evergrant webhooks disable`: disables a webhook. */
import type { Command } from '../command';

export const webhooksDisable: Command = {
  words: ['webhooks', 'disable'],
  positionals: ['id'],
  summary: 'Disable a webhook; its pending deliveries are skipped',
  async run({ api, out, positionals: [id = ''] }) {
    const webhook = await api.ask(({ admin }) =>
      admin.webhooks[':id'].disable.$post({ param: { id } }),
    );
    out.done(webhook, `Disabled: ${id}`);
    return 0;
  },
};
