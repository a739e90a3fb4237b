/** `evergrant accounts add`: connects one account with tokens or credentials from standard input or a file. */
import { GRANT_TYPES, holdsCredentials } from '../../domain/account/grant-type';
import { accountPairs } from '../account-pairs';
import type { Command, Options } from '../command';
import { UsageError } from '../errors';
import { readCredentials, readGrant } from '../grant-source';

export const accountsAdd: Command = {
  words: ['accounts', 'add'],
  summary: 'Connect an account with tokens or credentials from standard input or a file',
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
      help: 'read the tokens or credentials from this file instead of standard input',
    },
    grant: {
      type: 'string',
      value: 'type',
      choices: GRANT_TYPES,
      help: 'how the account obtains access tokens (default: refresh_token)',
    },
    scopes: {
      type: 'string',
      value: 'text',
      help: 'scopes to request, for client_credentials and jwt_bearer',
    },
    subject: {
      type: 'string',
      value: 'id',
      help: 'subject of the assertion, for jwt_bearer, such as the user to act for',
    },
  },
  more: [
    'The input is a refresh token, or a JSON object: {"refresh_token": "…", "access_token": "…",',
    '"expires_at": "2026-11-22T18:30:00Z", "refresh_token_expires_at": "…", "scopes": ["…"], "provider_values": {"…": "…"}}.',
    'For a Shopify token that does not expire, the input is {"access_token": "…"}.',
    'With --grant client_credentials, the input is {"client_id": "…", "client_secret": "…"}; without input, the',
    'account uses the OAuth app of its provider. With --grant jwt_bearer, it is {"issuer": "…", "private_key": "…",',
    '"key_id": "…"}, or a key file of a Google service account.',
    'No option takes a token, because every process of the machine can read arguments (ps), and the shell',
    'stores them in its history.',
    '',
    'Example:',
    '  evergrant accounts add --provider ebay --external-id my-shop < token.txt',
    '  evergrant accounts add --provider google --external-id robot --grant jwt_bearer \\',
    '    --scopes https://www.googleapis.com/auth/drive.readonly --token-file key.json',
  ].join('\n'),
  async run({ api, out, options }) {
    const provider = options.required('provider');
    const external_id = options.required('external-id');
    const members = {
      ...grantOf(options),
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

function grantOf(options: Options) {
  const file = options.text('token-file');
  const grant = GRANT_TYPES.find((one) => one === options.text('grant'));
  const scopes = options.text('scopes');
  const subject = options.text('subject');
  if (!holdsCredentials(grant)) {
    if (scopes !== undefined || subject !== undefined)
      throw new UsageError(
        '--scopes and --subject require --grant client_credentials or jwt_bearer',
      );
    return readGrant(file);
  }
  const credentials = { ...readCredentials(file), ...(subject === undefined ? {} : { subject }) };
  return { grant, credentials, scopes };
}
