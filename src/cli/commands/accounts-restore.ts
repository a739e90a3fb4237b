/** `evergrant accounts restore`: restores the grant that the last reconnect replaced. */
import { accountPairs } from '../account-pairs';
import type { Command } from '../command';

export const accountsRestore: Command = {
  words: ['accounts', 'restore'],
  positionals: ['id'],
  summary: 'Restore the grant that the last reconnect replaced',
  more: [
    'Evergrant tests the previous grant with one refresh, and replaces the current grant only if that succeeds.',
    'For an account in quarantine, it replaces the grant without a test.',
    'Exit code 1: no previous grant is stored, it was refused, or it is not tested yet.',
  ].join('\n'),
  async run({ api, out, positionals: [id = ''] }) {
    const account = await api.ask(({ admin }) =>
      admin.accounts[':id']['restore-grant'].$post({ param: { id } }),
    );
    out.one(account, accountPairs(account));
    return account.candidate === null ? 0 : 1;
  },
};
