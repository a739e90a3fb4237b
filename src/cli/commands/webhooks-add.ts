/** `evergrant webhooks add`: creates a webhook and prints its secret once. */
import type { EventType } from '../../domain/events/event';
import type { Command } from '../command';
import { showSecret } from '../webhooks';

export const webhooksAdd: Command = {
  words: ['webhooks', 'add'],
  places: ['url'],
  summary: 'Tell an address of yours when something changes; its secret is shown this once',
  options: {
    event: {
      type: 'string',
      multiple: true,
      value: 'type',
      help: 'what it is told, e.g. account.needs_reconnect; may be given more than once (all changes of state)',
    },
    description: { type: 'string', value: 'text', help: 'what it is for' },
  },
  async run({ api, out, json, options, places: [url = ''] }) {
    const types = options.words<EventType>('event');
    const webhook = await api.ask(({ admin }) =>
      admin.webhooks.$post({
        json: {
          url,
          ...(types.length === 0 ? {} : { event_types: types }),
          description: options.text('description'),
        },
      }),
    );
    showSecret({ out, json }, webhook);
    return 0;
  },
};
