/** `evergrant keys list`: lists the organisation's API keys. */
import { noneYet } from '../../domain/text/messages';
import type { Command } from '../command';
import { accountsOfKey } from '../key-accounts';
import { time } from '../output';

export const keysList: Command = {
  words: ['keys', 'list'],
  summary: 'List the API keys of your organisation',
  async run({ api, out, json }) {
    const page = await api.ask(({ admin }) => admin.keys.$get());
    if (json) out.json(page);
    else {
      out.table(
        ['id', 'name', 'scopes', 'accounts', 'status', 'created'],
        page.items.map((key) => [
          key.id,
          key.name,
          key.scopes.join(' '),
          accountsOfKey(key),
          key.status,
          time(key.created_at),
        ]),
        noneYet('API keys'),
      );
    }
    return 0;
  },
};
