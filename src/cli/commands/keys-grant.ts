/** `evergrant keys grant`: adds scopes to an API key. */
import { SCOPES, type Scope } from '../../domain/access/principal';
import type { Command } from '../command';

export const keysGrant: Command = {
  words: ['keys', 'grant'],
  positionals: ['id'],
  summary: 'Add scopes to an API key; they take effect within 5 seconds',
  options: {
    scope: {
      type: 'string',
      multiple: true,
      value: 'scope',
      required: true,
      choices: SCOPES,
      help: 'scope of the key; may be repeated (required)',
    },
  },
  more: [
    'Only a key with the scope "operator" can grant it to another key. The ADMIN_API_KEY of the server has that scope.',
    'To create the first operator, set ADMIN_API_KEY and ADMIN_ORGANISATION (the organisation of the key) for the API,',
    'restart the API, and run this command with EVERGRANT_API_KEY set to the value of ADMIN_API_KEY.',
  ].join('\n'),
  async run({ api, out, options, positionals: [id = ''] }) {
    const scopes = options.words<Scope>('scope');
    const key = await api.ask(({ admin }) =>
      admin.keys[':id'].grant.$post({ param: { id }, json: { scopes } }),
    );
    out.one(key, [
      ['id', key.id],
      ['name', key.name],
      ['scopes', key.scopes.join(' ')],
    ]);
    return 0;
  },
};
