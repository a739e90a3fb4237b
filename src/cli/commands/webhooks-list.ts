/** `evergrant webhooks list`: lists the organisation's webhooks. */
import { noneYet } from '../../domain/text/messages';
import type { Command } from '../command';
import { time } from '../output';

export const webhooksList: Command = {
  words: ['webhooks', 'list'],
  summary: 'List the webhooks of your organisation',
  async run({ api, out, json }) {
    const page = await api.ask(({ admin }) => admin.webhooks.$get());
    if (json) out.json(page);
    else {
      out.table(
        ['id', 'state', 'last success', 'url', 'events', 'reason'],
        page.items.map((one) => [
          one.id,
          one.state,
          time(one.last_success_at),
          one.url,
          one.event_types.join(' '),
          one.state_reason,
        ]),
        noneYet('webhooks'),
      );
    }
    return 0;
  },
};
