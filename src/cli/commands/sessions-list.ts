/** `evergrant sessions list`: lists the sessions of people who are signed in. */
import type { Command } from '../command';
import { time } from '../output';
import {
  emptyText,
  limitOf,
  limitOption,
  pages,
  rangeOf,
  rangeOptions,
  showResults,
} from '../pages';

export const sessionsList: Command = {
  words: ['sessions', 'list'],
  summary: 'List the sessions of people who are signed in to the web pages, newest first',
  options: {
    actor: { type: 'string', value: 'actor', help: 'only this actor' },
    ...rangeOptions,
    limit: limitOption,
  },
  async run({ api, out, options }) {
    const actor = options.text('actor');
    const range = rangeOf(options);
    const found = await pages(
      ({ limit, cursor: before }) =>
        api.ask(({ admin }) => admin.sessions.$get({ query: { actor, limit, before } })),
      { limit: limitOf(options), range, at: (one) => one.created_at },
    );
    showResults(
      out,
      found,
      {
        id: ({ id }) => id,
        actor: (session) => session.actor,
        by: ({ by }) => by,
        scopes: ({ scopes }) => scopes.join(' '),
        'signed in': ({ created_at: at }) => time(at),
        'last seen': ({ seen_at: at }) => time(at),
        expires: ({ expires_at: at }) => time(at),
      },
      emptyText('sessions', { actor, ...range }),
    );
    return 0;
  },
};
