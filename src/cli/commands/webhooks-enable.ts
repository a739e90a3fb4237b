/** `evergrant webhooks enable`: enables a disabled webhook. */
import type { Command } from '../command';

export const webhooksEnable: Command = {
  words: ['webhooks', 'enable'],
  positionals: ['id'],
  summary: 'Enable a disabled webhook',
  async run({ api, out, positionals: [id = ''] }) {
    const webhook = await api.ask(({ admin }) =>
      admin.webhooks[':id'].enable.$post({ param: { id } }),
    );
    out.done(webhook, `Enabled: ${id}`);
    return 0;
  },
};
