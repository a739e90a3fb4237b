/** `evergrant accounts disable`: disables an account, so that it is never refreshed. */
import { accountPairs } from '../account-pairs';
import type { Command } from '../command';

export const accountsDisable: Command = {
  words: ['accounts', 'disable'],
  positionals: ['id'],
  summary: 'Disable an account, so that Evergrant neither refreshes it nor serves its token',
  async run({ api, out, positionals: [id = ''] }) {
    const account = await api.ask(({ admin }) =>
      admin.accounts[':id'].$patch({ param: { id }, json: { disabled: true } }),
    );
    out.one(account, accountPairs(account));
    return 0;
  },
};
