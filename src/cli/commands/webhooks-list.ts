/** `evergrant webhooks list`: lists the organisation's webhooks. */
import { noneYet } from '../../domain/text/messages';
import type { Command } from '../command';
import { time } from '../output';

export const webhooksList: Command = {
  words: ['webhooks', 'list'],
  summary: 'List the webhooks of your organisation',
  async run({ api, out }) {
    const page = await api.ask(({ admin }) => admin.webhooks.$get());
    out.list(
      page,
      page.items,
      {
        id: ({ id }) => id,
        state: ({ state }) => state,
        'last success': ({ last_success_at: at }) => time(at),
        url: ({ url }) => url,
        events: ({ event_types: types }) => types.join(' '),
        reason: ({ state_reason: reason }) => reason,
      },
      noneYet('webhooks'),
    );
    return 0;
  },
};
