import type { Command } from '../command';
import { type Webhook, webhookPath } from '../webhooks';

export const webhooksEnable: Command = {
  words: ['webhooks', 'enable'],
  places: ['id'],
  summary: 'Enable a webhook that was disabled',
  async run({ api, out, json, places: [id = ''] }) {
    const webhook = await api.post<Webhook>(webhookPath(id, '/enable'));
    if (json) out.json(webhook);
    else out.line(`Enabled: ${id}`);
    return 0;
  },
};
