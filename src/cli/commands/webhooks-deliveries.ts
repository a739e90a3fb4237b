/** `evergrant webhooks deliveries`: lists the deliveries of a webhook, newest first. */
import type { DeliveryState } from '../../domain/events/webhook-delivery';
import type { Command } from '../command';
import { time } from '../output';
import { emptyText, limitOf, limitOption, pages, remarkMore } from '../pages';
import { lastAttempt } from '../webhooks';

const PAGE_MAX = 500;

export const webhooksDeliveries: Command = {
  words: ['webhooks', 'deliveries'],
  positionals: ['id'],
  summary: 'List the deliveries of a webhook, newest first',
  options: {
    state: {
      type: 'string',
      value: 'state',
      help: 'only this state: pending, delivered, failed or skipped',
    },
    limit: limitOption,
  },
  async run({ api, out, json, options, positionals: [id = ''] }) {
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
        ['id', 'created', 'event', 'state', 'attempts', 'last attempt', 'next attempt'],
        page.items.map((one) => [
          one.id,
          time(one.created_at),
          one.event_type,
          one.state,
          one.attempts.length,
          lastAttempt(one),
          time(one.next_try_at),
        ]),
        emptyText('deliveries', { state }),
      );
      remarkMore(out, page);
    }
    return 0;
  },
};
