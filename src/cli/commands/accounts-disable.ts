/** `evergrant accounts disable`: disables an account, so that it is never refreshed. */
import { accountPairs } from '../account-pairs';
import type { Command } from '../command';

export const accountsDisable: Command = {
  words: ['accounts', 'disable'],
  positionals: ['id'],
  summary: 'Disable an account, so that Evergrant neither refreshes it nor serves its token',
  options: {
    reason: { type: 'string', value: 'text', help: 'why, for people who see the account' },
  },
  async run({ api, out, options, positionals: [id = ''] }) {
    const json = { disabled: true, reason: options.text('reason') };
    const account = await api.ask(({ admin }) =>
      admin.accounts[':id'].$patch({ param: { id }, json }),
    );
    out.one(account, accountPairs(account));
    return 0;
  },
};
