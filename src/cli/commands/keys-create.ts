/** `evergrant keys create`: creates an API key and prints it once. */
import { SCOPES, type Scope } from '../../domain/access/principal';
import type { Command } from '../command';
import { accountsOfKey } from '../key-accounts';

export const keysCreate: Command = {
  words: ['keys', 'create'],
  summary: 'Create an API key for your organisation and show it once',
  options: {
    name: { type: 'string', value: 'text', required: true, help: 'purpose of the key (required)' },
    scope: {
      type: 'string',
      multiple: true,
      value: 'scope',
      required: true,
      choices: SCOPES,
      help: 'scope of the key; may be repeated (required)',
    },
    provider: {
      type: 'string',
      multiple: true,
      value: 'provider',
      help: 'only accounts of this provider; may be repeated',
    },
    kind: {
      type: 'string',
      multiple: true,
      value: 'kind',
      help: 'only accounts of this kind; may be repeated',
    },
    account: {
      type: 'string',
      multiple: true,
      value: 'id',
      help: 'only this account; may be repeated',
    },
  },
  more: [
    'A key with --provider, --kind or --account may only have the scope "tokens". It gets tokens for accounts that match',
    'all of these options. Other accounts do not exist for it.',
  ].join('\n'),
  async run({ api, out, options }) {
    const name = options.required('name');
    const scopes = options.words<Scope>('scope');
    const key = await api.ask(({ admin }) =>
      admin.keys.$post({
        json: {
          name,
          scopes,
          providers: given(options.texts('provider')),
          kinds: given(options.texts('kind')),
          accounts: given(options.texts('account')),
        },
      }),
    );
    out.one(key, [
      ['id', key.id],
      ['name', key.name],
      ['scopes', key.scopes.join(' ')],
      ['accounts', accountsOfKey(key)],
      ['key', key.api_key],
    ]);
    if (out.isForPeople) out.remark('Store the key now. It is not shown again.');
    return 0;
  },
};

/** An option that is not set does not restrict the key. */
function given(values: string[]): string[] | undefined {
  return values.length === 0 ? undefined : values;
}
