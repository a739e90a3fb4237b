/** `evergrant keys list`: lists the organisation's API keys. */
import { noneYet } from '../../domain/text/messages';
import type { Command } from '../command';
import { accountsOfKey } from '../key-accounts';
import { time } from '../output';

export const keysList: Command = {
  words: ['keys', 'list'],
  summary: 'List the API keys of your organisation',
  async run({ api, out }) {
    const page = await api.ask(({ admin }) => admin.keys.$get());
    out.list(
      page,
      page.items,
      {
        id: ({ id }) => id,
        name: ({ name }) => name,
        scopes: ({ scopes }) => scopes.join(' '),
        accounts: accountsOfKey,
        status: ({ status }) => status,
        created: ({ created_at: at }) => time(at),
      },
      noneYet('API keys'),
    );
    return 0;
  },
};
