/** `evergrant webhooks deliveries`: lists the deliveries of a webhook, newest first. */
import { DELIVERY_STATES, type DeliveryState } from '../../domain/events/webhook-delivery';
import type { Command } from '../command';
import { time } from '../output';
import {
  emptyText,
  FILTERS_REPEAT,
  limitOf,
  limitOption,
  pages,
  rangeOf,
  rangeOptions,
  showResults,
} from '../pages';
import { lastAttempt } from '../webhooks';

export const webhooksDeliveries: Command = {
  words: ['webhooks', 'deliveries'],
  positionals: ['id'],
  summary: 'List the deliveries of a webhook, newest first',
  options: {
    state: {
      type: 'string',
      multiple: true,
      value: 'state',
      choices: DELIVERY_STATES,
      help: 'only this state',
    },
    ...rangeOptions,
    limit: limitOption,
  },
  more: FILTERS_REPEAT,
  async run({ api, out, options, positionals: [id = ''] }) {
    const state = options.filter<DeliveryState>('state');
    const range = rangeOf(options);
    const found = await pages(
      ({ limit, cursor: before }) =>
        api.ask(({ admin }) =>
          admin.webhooks[':id'].deliveries.$get({ param: { id }, query: { state, limit, before } }),
        ),
      { limit: limitOf(options), range, at: (one) => one.created_at },
    );
    showResults(
      out,
      found,
      {
        id: (one) => one.id,
        created: (one) => time(one.created_at),
        event: (one) => one.event_type,
        state: (one) => one.state,
        attempts: (one) => one.attempts.length,
        'last attempt': lastAttempt,
        'next attempt': (one) => time(one.next_try_at),
      },
      emptyText('deliveries', { state, ...range }),
    );
    return 0;
  },
};
