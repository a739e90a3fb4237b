/** `evergrant webhooks add`: creates a webhook and prints its secret once. */
import { EVENT_TYPES, type EventType } from '../../domain/events/event';
import type { Command } from '../command';
import { showSecret } from '../webhooks';

export const webhooksAdd: Command = {
  words: ['webhooks', 'add'],
  positionals: ['url'],
  summary: 'Create a webhook and show its secret once',
  options: {
    event: {
      type: 'string',
      multiple: true,
      value: 'type',
      choices: EVENT_TYPES,
      help: 'event type to deliver; may be repeated (default: all changes of state)',
    },
    'reconnect-links': {
      type: 'boolean',
      help: 'add a link for the owner to each account.needs_reconnect event',
    },
    description: { type: 'string', value: 'text', help: 'purpose of the webhook' },
  },
  async run({ api, out, options, positionals: [url = ''] }) {
    const types = options.words<EventType>('event');
    const webhook = await api.ask(({ admin }) =>
      admin.webhooks.$post({
        json: {
          url,
          ...(types.length === 0 ? {} : { event_types: types }),
          description: options.text('description'),
          ...(options.isSet('reconnect-links') ? { include_reconnect_link: true } : {}),
        },
      }),
    );
    showSecret(out, webhook);
    return 0;
  },
};
