/** `evergrant connect-sessions list`: lists the sessions of links with which owners connect accounts. */
import type { Command } from '../command';
import { CONNECT_SESSION_COLUMNS } from '../connect-sessions';
import {
  emptyText,
  limitOf,
  limitOption,
  pages,
  rangeOf,
  rangeOptions,
  showResults,
} from '../pages';

export const connectSessionsList: Command = {
  words: ['connect-sessions', 'list'],
  summary: 'List the connect sessions of your organisation, newest first; without their links',
  options: { ...rangeOptions, limit: limitOption },
  async run({ api, out, options }) {
    const range = rangeOf(options);
    const found = await pages(
      ({ limit, cursor: before }) =>
        api.ask(({ admin }) => admin.connect.sessions.$get({ query: { limit, before } })),
      { limit: limitOf(options), range, at: (one) => one.created_at },
    );
    showResults(out, found, CONNECT_SESSION_COLUMNS, emptyText('connect sessions', { ...range }));
    return 0;
  },
};
