/** `evergrant connect`: makes a link with which the owner connects a new account, and waits for the consent. */
import type { Command } from '../command';
import { followLink } from '../connect-link';

export const connect: Command = {
  words: ['connect'],
  positionals: ['provider'],
  summary: 'Make a link with which the owner connects an account, and wait for the consent',
  options: {
    'external-id': { type: 'string', value: 'id', help: 'id of the account at the provider' },
    label: { type: 'string', value: 'text', help: 'name shown to people' },
    environment: {
      type: 'string',
      value: 'name',
      help: "environment (default: the provider's default)",
    },
    kind: { type: 'string', value: 'name', help: 'kind of account, such as booking or stopsale' },
    scope: {
      type: 'string',
      multiple: true,
      value: 'scope',
      help: "requested scope; may be repeated (default: the scopes of the provider's entry)",
    },
    'no-wait': { type: 'boolean', help: 'print the link and exit' },
  },
  more: [
    'The external id is required, unless the owner enters it, such as the address of a shop,',
    'or the token response of the provider names the account.',
    'Exit code 1: the session ended without an account.',
    '',
    'Example:',
    '  evergrant connect ebay --external-id harbour-books --label "Harbour Books"',
  ].join('\n'),
  async run({ api, out, options, positionals: [provider = ''] }) {
    const scopes = options.texts('scope');
    const created = await api.ask(({ admin }) =>
      admin.connect.sessions.$post({
        json: {
          provider,
          external_id: options.text('external-id'),
          label: options.text('label'),
          environment: options.text('environment'),
          kind: options.text('kind'),
          ...(scopes.length === 0 ? {} : { scopes }),
        },
      }),
    );
    return followLink({ api, out }, created, !options.isSet('no-wait'));
  },
};
