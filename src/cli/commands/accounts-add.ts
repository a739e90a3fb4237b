/** `evergrant accounts add`: connects one account with tokens from standard input or a file. */
import { accountPairs } from '../account-pairs';
import type { Command } from '../command';
import { UsageError } from '../errors';
import { readGrant } from '../grant-source';

export const accountsAdd: Command = {
  words: ['accounts', 'add'],
  summary: 'Connect an account; its tokens are read from standard input or a file',
  options: {
    provider: { type: 'string', value: 'name', help: 'as in providers.yaml (required)' },
    'external-id': {
      type: 'string',
      value: 'id',
      help: "the account's name at the provider (required)",
    },
    label: { type: 'string', value: 'text', help: 'the name people see' },
    environment: { type: 'string', value: 'name', help: "the provider's own default if left out" },
    kind: { type: 'string', value: 'name', help: 'such as booking or stopsale' },
    'token-file': { type: 'string', value: 'path', help: 'in place of standard input' },
  },
  more: [
    'What is read is the bare refresh token, or a JSON object: {"refresh_token": "…", "access_token": "…",',
    '"expires_at": "2026-11-22T18:30:00Z", "refresh_token_expires_at": "…", "scopes": ["…"]}.',
    'A Shopify token that does not end is handed in alone: {"access_token": "…"}.',
    'There is no option for a token: arguments are seen by every process of the machine (ps), and stay in',
    "the shell's history.",
    '',
    '  evergrant accounts add --provider ebay --external-id my-shop < token.txt',
  ].join('\n'),
  async run({ api, out, json, options }) {
    const provider = options.text('provider');
    const external_id = options.text('external-id');
    if (provider === undefined || external_id === undefined)
      throw new UsageError('--provider and --external-id are required');
    const members = {
      ...readGrant(options.text('token-file')),
      provider,
      external_id,
      label: options.text('label'),
      environment: options.text('environment'),
      kind: options.text('kind'),
    };
    const account = await api.ask(({ admin }) => admin.accounts.$post({ json: members }));
    if (json) out.json(account);
    else {
      out.pairs(accountPairs(account));
      for (const warning of account.warnings) out.remark(`Warning: ${warning}`);
    }
    return 0;
  },
};
