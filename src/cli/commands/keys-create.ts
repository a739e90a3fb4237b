/** `evergrant keys create`: creates an API key and prints it once. */
import type { Scope } from '../../domain/access/principal';
import type { Command } from '../command';
import { UsageError } from '../errors';

export const keysCreate: Command = {
  words: ['keys', 'create'],
  summary: 'Create an API key of your organisation; its text is shown this once',
  options: {
    name: { type: 'string', value: 'text', help: 'what it is for (required)' },
    scope: {
      type: 'string',
      multiple: true,
      value: 'scope',
      help: 'admin, read, tokens, internal or operator; may be given more than once (required)',
    },
  },
  async run({ api, out, json, options }) {
    const name = options.text('name');
    const scopes = options.words<Scope>('scope');
    if (name === undefined || scopes.length === 0)
      throw new UsageError('--name and --scope are required');
    const key = await api.ask(({ admin }) => admin.keys.$post({ json: { name, scopes } }));
    if (json) out.json(key);
    else {
      out.pairs([
        ['id', key.id],
        ['name', key.name],
        ['scopes', key.scopes.join(' ')],
        ['key', key.api_key],
      ]);
      out.remark('Keep the key now: it is not shown again.');
    }
    return 0;
  },
};
