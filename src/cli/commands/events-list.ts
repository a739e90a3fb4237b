/** `evergrant events list`: lists the events of the organisation, newest first. */
import { EVENT_TYPES, type EventType } from '../../domain/events/event';
import type { Command } from '../command';
import { EVENT_COLUMNS } from '../events';
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

export const eventsList: Command = {
  words: ['events', 'list'],
  summary: 'List the events that webhooks receive, newest first, also without a webhook',
  options: {
    type: {
      type: 'string',
      multiple: true,
      value: 'type',
      choices: EVENT_TYPES,
      help: 'only this type',
    },
    ...rangeOptions,
    limit: limitOption,
  },
  more: FILTERS_REPEAT,
  async run({ api, out, options }) {
    const type = options.filter<EventType>('type');
    const range = rangeOf(options);
    const found = await pages(
      ({ limit, cursor: before }) =>
        api.ask(({ admin }) => admin.events.$get({ query: { type, limit, before } })),
      { limit: limitOf(options), range, at: ({ at }) => at },
    );
    showResults(out, found, EVENT_COLUMNS, emptyText('events', { type, ...range }));
    return 0;
  },
};
