/** `evergrant webhooks rotate-secret`: gives a webhook a new secret and prints it once. */
import type { Command } from '../command';
import { UsageError } from '../errors';
import { showSecret } from '../webhooks';

export const webhooksRotateSecret: Command = {
  words: ['webhooks', 'rotate-secret'],
  positionals: ['id'],
  summary: 'Replace the secret of a webhook and show the new one once',
  options: {
    overlap: {
      type: 'string',
      value: 'seconds',
      help: 'time for which the old secret also signs (default: 86400)',
    },
  },
  async run({ api, out, options, positionals: [id = ''] }) {
    const overlap = options.text('overlap');
    if (overlap !== undefined && !/^\d+$/.test(overlap))
      throw new UsageError(`--overlap must be a whole number of seconds, not "${overlap}"`);
    const body = overlap === undefined ? {} : { overlap_seconds: Number(overlap) };
    const webhook = await api.ask(({ admin }) =>
      admin.webhooks[':id']['rotate-secret'].$post({ param: { id }, json: body }),
    );
    showSecret(out, webhook);
    return 0;
  },
};
