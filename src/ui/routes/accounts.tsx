/** The list of accounts. The address holds its filters; htmx replaces only the table. */
import type { UiDependencies } from '../dependencies';
import type { UiApp } from '../env';
import { isFragment } from '../guard';
import { showPage } from '../layout';
import { markup } from '../markup';
import {
  ACCOUNTS_PATH,
  AccountsPage,
  AccountsTable,
  accountsAddress,
  accountsQuery,
  loadAccounts,
} from '../pages/accounts';

export function registerAccounts(ui: UiApp, deps: UiDependencies): void {
  ui.get(ACCOUNTS_PATH, async (c) => {
    const query = accountsQuery(c.req.query());
    const view = await loadAccounts(deps, c.get('session').organisation, query);
    if (!isFragment(c)) {
      return showPage(
        c,
        { title: 'Accounts', section: ACCOUNTS_PATH },
        <AccountsPage view={view} />,
      );
    }
    c.header('HX-Replace-Url', accountsAddress(query));
    return c.html(await markup(<AccountsTable view={view} />));
  });
}
