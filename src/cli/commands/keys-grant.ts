/** `evergrant keys grant`: adds scopes to an API key. */
import type { Scope } from '../../domain/access/principal';
import type { Command } from '../command';
import { UsageError } from '../errors';

export const keysGrant: Command = {
  words: ['keys', 'grant'],
  places: ['id'],
  summary: 'Give an API key more scopes; it has them within 5 seconds',
  options: {
    scope: {
      type: 'string',
      multiple: true,
      value: 'scope',
      help: 'admin, read, tokens, internal or operator; may be given more than once (required)',
    },
  },
  more: [
    '"operator" is granted by a key that has it. ADMIN_API_KEY of the server has it: to make the first operator, set',
    'ADMIN_API_KEY and ADMIN_ORGANISATION (the organisation of the key), restart the API, and run this command with',
    'EVERGRANT_API_KEY set to the same text.',
  ].join('\n'),
  async run({ api, out, json, options, places: [id = ''] }) {
    const scopes = options.words<Scope>('scope');
    if (scopes.length === 0) throw new UsageError('--scope is required');
    const key = await api.ask(({ admin }) =>
      admin.keys[':id'].grant.$post({ param: { id }, json: { scopes } }),
    );
    if (json) out.json(key);
    else
      out.pairs([
        ['id', key.id],
        ['name', key.name],
        ['scopes', key.scopes.join(' ')],
      ]);
    return 0;
  },
};
