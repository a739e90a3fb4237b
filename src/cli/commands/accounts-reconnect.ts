/** `evergrant accounts reconnect`: gives an account a new grant from standard input or a file. */
import { accountPairs } from '../account-pairs';
import type { Command } from '../command';
import { readGrant } from '../grant-source';

export const accountsReconnect: Command = {
  words: ['accounts', 'reconnect'],
  positionals: ['id'],
  summary: 'Replace the grant of an account with tokens from standard input or a file',
  options: {
    'token-file': {
      type: 'string',
      value: 'path',
      help: 'read the tokens from this file instead of standard input',
    },
  },
  more: [
    'The input is the same as for "accounts add". Evergrant tests the new grant with one refresh, and replaces the',
    'current grant only if that succeeds. For an account in quarantine, it replaces the grant without a test.',
    'Exit code 1: the new grant was refused, or is not tested yet.',
    '',
    'Example:',
    '  evergrant accounts reconnect acc_4b6f0c2d9e8a7b6c5d4e3f2a < token.txt',
  ].join('\n'),
  async run({ api, out, json, options, positionals: [id = ''] }) {
    const members = readGrant(options.text('token-file'));
    const account = await api.ask(({ admin }) =>
      admin.accounts[':id'].$patch({ param: { id }, json: members }),
    );
    if (json) out.json(account);
    else out.pairs(accountPairs(account));
    return account.candidate === null ? 0 : 1;
  },
};
