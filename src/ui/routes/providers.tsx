/** Admin → Providers: the provider files, with those that are configured first, and one of them. */
import { z } from 'zod';
import { catalogueProviderBody } from '../../api/routes/catalogue/catalogue-body';
import { notFound } from '../../domain/service-error';
import {
  catalogueDetails,
  listedProvider,
  listedProviders,
} from '../../services/catalogue/catalogue';
import type { UiDependencies } from '../dependencies';
import type { UiApp } from '../env';
import { showPage } from '../layout';
import { registerList } from '../list-page';
import { many, single, text } from '../list-query';
import { PROVIDERS_PATH, ProviderPage, providerPath } from '../pages/providers';
import { Badge } from '../parts/badge';
import { FilterBar, Search } from '../parts/filter-bar';
import { type Column, ColumnChoice } from '../parts/list';

const SEARCH_MAX_CHARACTERS = 100;

const Query = z.object({
  q: single(text(SEARCH_MAX_CHARACTERS)),
  column: many(text(32)),
  cursor: single(text(64)),
});

type Entry = ReturnType<typeof catalogueProviderBody>;

/** A column with a text of the summary. */
const summary = (
  id: string,
  title: string,
  value: (entry: Entry) => string,
  optional = false,
): Column<Entry> => ({
  id,
  title,
  value,
  cell: value,
  ...(optional ? { optional: true as const } : {}),
});

const COLUMNS: readonly Column<Entry>[] = [
  {
    id: 'name',
    title: 'Provider',
    names: true,
    value: ({ name }) => name,
    cell: ({ id, name }) => <a href={providerPath(id)}>{name}</a>,
  },
  {
    id: 'configured',
    title: 'Configured as',
    value: (entry) => entry.configured_as.join(' '),
    cell: (entry) =>
      entry.configured_as.length === 0
        ? '–'
        : entry.configured_as.map((id) => <Badge tone="good">{id}</Badge>),
  },
  summary('access_life', 'Access token', (entry) => entry.access_life),
  summary('refresh_life', 'Refresh token', (entry) => entry.refresh_life),
  summary('rotation', 'Rotation', ({ rotation }) => rotation),
  summary('pkce', 'PKCE', ({ pkce }) => pkce),
  summary('replay', 'Sent twice', ({ replay }) => replay, true),
  summary('revocation', 'Revocation', ({ revocation }) => revocation, true),
  summary('validation', 'Validation', ({ validation }) => validation, true),
  summary('grants', 'Grants', ({ grants }) => grants, true),
  summary('checked', 'Checked', ({ checked }) => checked),
  {
    id: 'unknown',
    title: 'Unknown fields',
    value: ({ unknown }) => unknown.length,
    cell: ({ unknown }) => unknown.length,
  },
];

export function registerProviders(ui: UiApp, deps: UiDependencies): void {
  const { providers } = deps;

  const matching = async ({ q }: z.infer<typeof Query>): Promise<Entry[]> => {
    const sought = q?.toLowerCase() ?? '';
    const all = await listedProviders(providers);
    return all
      .map(catalogueProviderBody)
      .filter(({ id, name, configured_as: entries }) =>
        [id, name.toLowerCase(), ...entries].some((one) => one.includes(sought)),
      );
  };

  registerList(ui, deps, {
    path: PROVIDERS_PATH,
    title: 'Providers',
    schema: Query,
    things: ['providers', 'provider'],
    columns: COLUMNS,
    idOf: ({ id }) => id,
    body: (entry) => entry,
    async count(_session, query) {
      return (await matching(query)).length;
    },
    async page(_session, query, limit) {
      const found = await matching(query);
      const at = found.findIndex(({ id }) => id === query.cursor);
      const rows = found.slice(at + 1, at + 1 + limit);
      return { rows, next: found.length > at + 1 + limit ? (rows.at(-1)?.id ?? null) : null };
    },
    async above(_c, query) {
      return (
        <>
          <p class="muted">
            Evergrant has a file of facts for each of these providers. “?” marks an assumption, and
            “unknown” is a fact without a source. All configured entries are in{' '}
            <a href="/admin/settings">Settings</a>.
          </p>
          <FilterBar path={PROVIDERS_PATH} label="providers" replaces="#list">
            <Search
              name="q"
              label="Search"
              value={query.q}
              placeholder="Name or id"
              max={SEARCH_MAX_CHARACTERS}
            />
            <ColumnChoice columns={COLUMNS} chosen={query.column} />
          </FilterBar>
        </>
      );
    },
  });

  ui.get(`${PROVIDERS_PATH}/:id`, (c) => {
    const id = c.req.param('id');
    const found = listedProvider(providers, id);
    if (found === null) throw notFound(`provider file ${id}`);
    return showPage(
      c,
      { title: found.file.name, section: PROVIDERS_PATH },
      <ProviderPage details={catalogueDetails(found.file)} configuredAs={found.configuredAs} />,
    );
  });
}
