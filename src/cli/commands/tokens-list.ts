/** `evergrant tokens list`: lists the accounts for which the key may ask for tokens. */
import type { Command } from '../command';
import { emptyText, limitOf, limitOption, pages, showResults } from '../pages';

export const tokensList: Command = {
  words: ['tokens', 'list'],
  summary: 'List the accounts for which your key may ask for tokens; the list contains no token',
  options: {
    provider: { type: 'string', value: 'name', help: 'only this provider' },
    limit: limitOption,
  },
  more: 'The API key needs the scope "tokens".',
  async run({ api, out, options }) {
    const provider = options.text('provider');
    const found = await pages(
      (part) => api.ask(({ tokens }) => tokens.$get({ query: { provider, ...part } })),
      { limit: limitOf(options) },
    );
    showResults(
      out,
      found,
      {
        id: ({ id }) => id,
        label: ({ label }) => label,
        provider: (account) => account.provider,
        environment: ({ environment }) => environment,
        'external id': ({ external_id: id }) => id,
        kind: ({ kind }) => kind,
        status: ({ status }) => status,
      },
      emptyText('accounts', { provider }),
    );
    return 0;
  },
};
