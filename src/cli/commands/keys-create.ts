/** `evergrant keys create`: creates an API key and prints it once. */
import type { Scope } from '../../domain/access/principal';
import type { Command } from '../command';

export const keysCreate: Command = {
  words: ['keys', 'create'],
  summary: 'Create an API key for your organisation and show it once',
  options: {
    name: { type: 'string', value: 'text', help: 'purpose of the key (required)' },
    scope: {
      type: 'string',
      multiple: true,
      value: 'scope',
      help: 'admin, read, tokens, internal or operator; may be repeated (required)',
    },
  },
  async run({ api, out, json, options }) {
    const name = options.required('name');
    const scopes = options.requiredWords<Scope>('scope');
    const key = await api.ask(({ admin }) => admin.keys.$post({ json: { name, scopes } }));
    if (json) out.json(key);
    else {
      out.pairs([
        ['id', key.id],
        ['name', key.name],
        ['scopes', key.scopes.join(' ')],
        ['key', key.api_key],
      ]);
      out.remark('Store the key now. It is not shown again.');
    }
    return 0;
  },
};
