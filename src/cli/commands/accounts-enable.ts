/** `evergrant accounts enable`: enables a disabled account. */
import { accountPairs } from '../account-pairs';
import type { Command } from '../command';

export const accountsEnable: Command = {
  words: ['accounts', 'enable'],
  positionals: ['id'],
  summary: 'Enable a disabled account',
  async run({ api, out, positionals: [id = ''] }) {
    const account = await api.ask(({ admin }) =>
      admin.accounts[':id'].$patch({ param: { id }, json: { disabled: false } }),
    );
    out.one(account, accountPairs(account));
    return 0;
  },
};
