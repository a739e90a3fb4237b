/** `evergrant accounts show`: prints one account. */
import { accountPairs } from '../account-pairs';
import type { Command } from '../command';

export const accountsShow: Command = {
  words: ['accounts', 'show'],
  places: ['id'],
  summary: 'One account: its status, its dueTimes, its last attempt',
  async run({ api, out, json, places: [id = ''] }) {
    const account = await api.ask(({ admin }) => admin.accounts[':id'].$get({ param: { id } }));
    if (json) out.json(account);
    else out.pairs(accountPairs(account));
    return 0;
  },
};
