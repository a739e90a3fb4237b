/** `evergrant accounts show`: prints one account. */
import { accountPairs } from '../account-pairs';
import type { Command } from '../command';

export const accountsShow: Command = {
  words: ['accounts', 'show'],
  positionals: ['id'],
  summary: 'Show the status, due times and last attempt of an account',
  async run({ api, out, positionals: [id = ''] }) {
    const account = await api.ask(({ admin }) => admin.accounts[':id'].$get({ param: { id } }));
    out.one(account, accountPairs(account));
    return 0;
  },
};
