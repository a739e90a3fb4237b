/** `evergrant webhooks deliveries`: lists the deliveries of a webhook, newest first. */
import type { DeliveryState } from '../../domain/events/webhook-delivery';
import type { Command } from '../command';
import { time } from '../output';
import { limitOf, limitOption, pages, remarkMore } from '../pages';
import { lastTry } from '../webhooks';

const PAGE_MAX = 500;

export const webhooksDeliveries: Command = {
  words: ['webhooks', 'deliveries'],
  places: ['id'],
  summary: 'What was delivered to a webhook, or is to be, the newest first',
  options: {
    state: { type: 'string', value: 'state', help: 'pending, delivered, failed or skipped' },
    limit: limitOption,
  },
  async run({ api, out, json, options, places: [id = ''] }) {
    const state = options.word<DeliveryState>('state');
    const page = await pages(
      { limit: limitOf(options), pageMax: PAGE_MAX },
      ({ limit, cursor: before }) =>
        api.ask(({ admin }) =>
          admin.webhooks[':id'].deliveries.$get({ param: { id }, query: { state, limit, before } }),
        ),
    );
    if (json) out.json(page);
    else {
      out.table(
        ['id', 'created', 'event', 'state', 'tries', 'last try', 'next try'],
        page.items.map((one) => [
          one.id,
          time(one.created_at),
          one.event_type,
          one.state,
          one.attempts.length,
          lastTry(one),
          time(one.next_try_at),
        ]),
        'Nothing was delivered to it.',
      );
      remarkMore(out, page);
    }
    return 0;
  },
};
