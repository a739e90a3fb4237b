/** `evergrant providers list`: prints the provider files of this package. */
import { catalogueEntry, catalogueFiles } from '../../services/catalogue/catalogue';
import type { Command } from '../command';

export const providersList: Command = {
  words: ['providers', 'list'],
  summary: 'List the providers that this package has a file of',
  more: 'The command needs no server. "unknown" is a fact without a source, and "?" marks an assumption.',
  async runLocally({ out }) {
    const items = catalogueFiles().map(catalogueEntry);
    out.list(
      { items, next_cursor: null },
      items,
      {
        id: ({ id }) => id,
        name: ({ name }) => name,
        checked: ({ checked }) => checked,
        unknown: ({ unknown }) => unknown.length,
        'access token': (one) => one.access_life,
        rotation: ({ rotation }) => rotation,
        pkce: ({ pkce }) => pkce,
        'refresh token': (one) => one.refresh_life,
        replay: ({ replay }) => replay,
      },
      'This package has no provider files.',
    );
    return 0;
  },
};
