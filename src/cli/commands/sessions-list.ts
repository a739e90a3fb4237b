/** `evergrant sessions list`: lists the sessions of people who are signed in. */
import type { Command } from '../command';
import { time } from '../output';
import { emptyText, limitOf, limitOption, pages, remarkMore } from '../pages';

const PAGE_MAX = 500;

export const sessionsList: Command = {
  words: ['sessions', 'list'],
  summary: 'List the sessions of people who are signed in to the web pages, newest first',
  options: {
    actor: { type: 'string', value: 'actor', help: 'only this actor' },
    limit: limitOption,
  },
  async run({ api, out, json, options }) {
    const actor = options.text('actor');
    const page = await pages(
      { limit: limitOf(options), pageMax: PAGE_MAX },
      ({ limit, cursor: before }) =>
        api.ask(({ admin }) => admin.sessions.$get({ query: { actor, limit, before } })),
    );
    if (json) out.json(page);
    else {
      out.table(
        ['id', 'actor', 'by', 'scopes', 'signed in', 'last seen', 'expires'],
        page.items.map((session) => [
          session.id,
          session.actor,
          session.by,
          session.scopes.join(' '),
          time(session.created_at),
          time(session.seen_at),
          time(session.expires_at),
        ]),
        emptyText('sessions', { actor }),
      );
      remarkMore(out, page);
    }
    return 0;
  },
};
