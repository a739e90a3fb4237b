/** `evergrant accounts reconnect`: gives an account a new grant, by a link for its owner or from entered tokens. */
import { accountPairs } from '../account-pairs';
import type { Command } from '../command';
import { followLink } from '../connect-link';
import { readGrant } from '../grant-source';

export const accountsReconnect: Command = {
  words: ['accounts', 'reconnect'],
  positionals: ['id'],
  summary:
    'Reconnect an account by a link for its owner, or with tokens from standard input or a file',
  options: {
    'token-file': {
      type: 'string',
      value: 'path',
      takesFile: true,
      help: 'read the tokens from this file instead of standard input',
    },
    link: {
      type: 'boolean',
      help: 'make a link for the owner and wait for the consent (the default on a terminal)',
    },
    'no-wait': { type: 'boolean', help: 'print the link and exit' },
  },
  more: [
    'Tokens: the input is the same as for "accounts add". Evergrant tests the new grant with one refresh, and replaces the',
    'current grant only if that succeeds. For an account in quarantine, it replaces the grant without a test.',
    'Exit code 1: the new grant was refused, or is not tested yet.',
    '',
    'Example:',
    '  evergrant accounts reconnect acc_4b6f0c2d9e8a7b6c5d4e3f2a < token.txt',
  ].join('\n'),
  async run({ api, out, options, positionals: [id = ''] }) {
    const file = options.text('token-file');
    if (options.isSet('link') || (file === undefined && process.stdin.isTTY)) {
      const created = await api.ask(({ admin }) =>
        admin.accounts[':id'].reconnect.$post({ param: { id }, json: {} }),
      );
      return followLink({ api, out }, created, !options.isSet('no-wait'));
    }
    const members = readGrant(file);
    const account = await api.ask(({ admin }) =>
      admin.accounts[':id'].$patch({ param: { id }, json: members }),
    );
    out.one(account, accountPairs(account));
    return account.candidate === null ? 0 : 1;
  },
};
