/** `evergrant webhooks enable`: enables a disabled webhook. */
import type { Command } from '../command';

export const webhooksEnable: Command = {
  words: ['webhooks', 'enable'],
  positionals: ['id'],
  summary: 'Enable a disabled webhook',
  async run({ api, out, json, positionals: [id = ''] }) {
    const webhook = await api.ask(({ admin }) =>
      admin.webhooks[':id'].enable.$post({ param: { id } }),
    );
    if (json) out.json(webhook);
    else out.line(`Enabled: ${id}`);
    return 0;
  },
};
