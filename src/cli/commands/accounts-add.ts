/** `evergrant accounts add`: connects one account with tokens from standard input or a file. */
import { accountPairs } from '../account-pairs';
import type { Command } from '../command';
import { readGrant } from '../grant-source';

export const accountsAdd: Command = {
  words: ['accounts', 'add'],
  summary: 'Connect an account with tokens from standard input or a file',
  options: {
    provider: {
      type: 'string',
      value: 'name',
      help: 'name of the provider in providers.yaml (required)',
      required: true,
    },
    'external-id': {
      type: 'string',
      value: 'id',
      help: 'id of the account at the provider (required)',
      required: true,
    },
    label: { type: 'string', value: 'text', help: 'name shown to people' },
    environment: {
      type: 'string',
      value: 'name',
      help: "environment (default: the provider's default)",
    },
    kind: { type: 'string', value: 'name', help: 'kind of account, such as booking or stopsale' },
    'owner-email': {
      type: 'string',
      value: 'address',
      help: 'address of the owner, for reconnect links by e-mail',
    },
    'token-file': {
      type: 'string',
      value: 'path',
      takesFile: true,
      help: 'read the tokens from this file instead of standard input',
    },
  },
  more: [
    'The input is a refresh token, or a JSON object: {"refresh_token": "…", "access_token": "…",',
    '"expires_at": "2026-11-22T18:30:00Z", "refresh_token_expires_at": "…", "scopes": ["…"]}.',
    'For a Shopify token that does not expire, the input is {"access_token": "…"}.',
    'No option takes a token, because every process of the machine can read arguments (ps), and the shell',
    'stores them in its history.',
    '',
    'Example:',
    '  evergrant accounts add --provider ebay --external-id my-shop < token.txt',
  ].join('\n'),
  async run({ api, out, options }) {
    const provider = options.required('provider');
    const external_id = options.required('external-id');
    const members = {
      ...readGrant(options.text('token-file')),
      provider,
      external_id,
      label: options.text('label'),
      environment: options.text('environment'),
      kind: options.text('kind'),
      owner_email: options.text('owner-email'),
    };
    const account = await api.ask(({ admin }) => admin.accounts.$post({ json: members }));
    out.one(account, accountPairs(account));
    // JSON contains the warnings.
    if (out.isForPeople || out.format === 'csv')
      for (const warning of account.warnings) out.remark(`Warning: ${warning}`);
    return 0;
  },
};
