/** Admin → Quarantine: the accounts that another system still refreshes, and their release. */
import { z } from 'zod';
import { accountBody } from '../../api/routes/accounts/account-body';
import { accountFilter, SEARCH_MAX_CHARACTERS } from '../../services/accounts/account-page';
import type { UiDependencies } from '../dependencies';
import type { UiApp } from '../env';
import { registerList } from '../list-page';
import { many, single, text } from '../list-query';
import { COUNT_MAX } from '../list-routes';
import {
  ACCOUNT_COLUMNS,
  ACCOUNTS_PATH,
  type AccountRow,
  accountsFilter,
  loadAccountRows,
} from '../pages/accounts';
import { repeatedList, sameName } from '../parts/commands';
import { FilterBar, Many, Search } from '../parts/filter-bar';
import { type Column, ColumnChoice } from '../parts/list';
import { Notice } from '../parts/notice';
import { Moment } from '../parts/time';
import { mayAct } from '../permissions';

const PATH = '/admin/quarantine';
const FORM = 'release';

const Query = z
  .object({
    q: single(text(SEARCH_MAX_CHARACTERS)),
    provider: many(text(64)),
    column: many(text(32)),
    cursor: single(z.string().max(4096)),
    quarantine: single(z.literal('true')),
  })
  // The form that releases sends the filters to the page of accounts.
  .transform((query) => ({ ...query, quarantine: 'true' as const }));

const shown = (id: string): Column<AccountRow>[] => ACCOUNT_COLUMNS.filter((one) => one.id === id);

const COLUMNS: readonly Column<AccountRow>[] = [
  ...shown('label'),
  {
    id: 'since',
    title: 'In quarantine since',
    value: ({ account }) => (account.quarantinedAt ?? account.createdAt).toISOString(),
    cell: ({ account }) => <Moment at={account.quarantinedAt ?? account.createdAt} />,
  },
  {
    id: 'reason',
    title: 'Reason',
    value: ({ account }) => reasonOf(account),
    cell: ({ account }) => reasonOf(account),
  },
  ...shown('provider'),
  ...shown('expires_at'),
  ...shown('id').map((column) => ({ ...column, optional: true as const })),
];

/** An account enters quarantine when it is created or imported, or later by a change. */
function reasonOf({ quarantinedAt, createdAt }: AccountRow['account']): string {
  return quarantinedAt === null || quarantinedAt.getTime() - createdAt.getTime() < 1_000
    ? 'created in quarantine'
    : 'put in quarantine later';
}

export function registerQuarantine(ui: UiApp, deps: UiDependencies): void {
  const { store, providers, now } = deps;
  registerList(ui, deps, {
    path: PATH,
    title: 'Quarantine',
    schema: Query,
    things: ['accounts in quarantine', 'account in quarantine'],
    columns: COLUMNS,
    idOf: ({ account }) => account.id,
    nameOf: ({ account }) => account.label,
    selectedBy: FORM,
    noFilters: ['quarantine'],
    body: ({ account, now: at }) => accountBody(account, providers, at),
    repeatedBy: (query) =>
      repeatedList({ path: '/api/admin/accounts', words: ['accounts', 'list'] }, query, {
        q: { label: 'Search', api: 'q', option: 'search' },
        provider: sameName('Provider', 'provider'),
        quarantine: { ...sameName('Quarantine', 'quarantine'), isFlag: true },
      }),
    page: ({ organisation }, { column: _columns, ...query }, limit) =>
      loadAccountRows(deps, organisation, { ...query, sort: 'label' }, limit),
    count: ({ organisation }, { q, provider, quarantine }) => {
      const filter = accountsFilter({ q, provider, quarantine }, organisation, now());
      return store.accounts.count(accountFilter(filter, now()), COUNT_MAX + 1);
    },
    async above(c, query) {
      return (
        <>
          <Notice kind="note">
            Another system still refreshes these accounts, so Evergrant serves their tokens and does
            not refresh them. Stop that system before you release an account: if two systems refresh
            the same grant, it can be lost.
          </Notice>
          <FilterBar path={PATH} label="Quarantine" replaces="#list">
            <Search
              name="q"
              label="Search"
              value={query.q}
              placeholder="Label, external id or id"
              max={SEARCH_MAX_CHARACTERS}
            />
            <Many
              name="provider"
              label="Provider"
              chosen={query.provider}
              values={providers.all.map(({ id }) => id)}
            />
            <ColumnChoice columns={COLUMNS} chosen={query.column} />
          </FilterBar>
          {mayAct(c.get('session')) && (
            <form id={FORM} class="bulk on-rows" method="post" action={`${ACCOUNTS_PATH}/actions`}>
              <input type="hidden" name="action" value="release" />
              <button>
                Preview the release of <span data-selected>the selected accounts</span> …
              </button>
              <button name="all" value="true">
                Preview for all that match …
              </button>
            </form>
          )}
        </>
      );
    },
  });
}
