/** `evergrant accounts reconnect`: gives an account a new grant from standard input or a file. */
import { accountPairs } from '../account-pairs';
import type { Command } from '../command';
import { readGrant } from '../grant-source';

export const accountsReconnect: Command = {
  words: ['accounts', 'reconnect'],
  places: ['id'],
  summary: 'Give an account a new grant, read from standard input or a file',
  options: {
    'token-file': { type: 'string', value: 'path', help: 'in place of standard input' },
  },
  more: [
    'The input is as for "accounts add". The new grant is tried with one refresh; the account keeps the one it',
    'has until the new one works. In quarantine nothing is sent: there the new grant replaces the current one untried.',
    'Ends with 0 if it works, and with 1 if it was refused or still waits to be tried.',
    '',
    '  evergrant accounts reconnect acc_4b6f0c2d9e8a7b6c5d4e3f2a < token.txt',
  ].join('\n'),
  async run({ api, out, json, options, places: [id = ''] }) {
    const members = readGrant(options.text('token-file'));
    const account = await api.ask(({ admin }) =>
      admin.accounts[':id'].$patch({ param: { id }, json: members }),
    );
    if (json) out.json(account);
    else out.pairs(accountPairs(account));
    return account.candidate === null ? 0 : 1;
  },
};
