/** `evergrant accounts restore`: tries the grant that the last reconnect replaced. */
import { accountPairs } from '../account-pairs';
import type { Command } from '../command';

export const accountsRestore: Command = {
  words: ['accounts', 'restore'],
  places: ['id'],
  summary: 'Go back to the grant that the last reconnect replaced',
  more: [
    'The former grant is tried with one refresh; the account keeps the one it has until the former one works.',
    'In quarantine it is put back untried.',
    'Ends with 0 if it works, and with 1 if there is none, it was refused or still waits to be tried.',
  ].join('\n'),
  async run({ api, out, json, places: [id = ''] }) {
    const account = await api.ask(({ admin }) =>
      admin.accounts[':id']['restore-grant'].$post({ param: { id } }),
    );
    if (json) out.json(account);
    else out.pairs(accountPairs(account));
    return account.candidate === null ? 0 : 1;
  },
};
