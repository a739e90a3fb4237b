/** The list of accounts. The address holds its filters; htmx replaces only the table. */
import { invalidRequest } from '../../http/errors';
import { publicOrigin } from '../../http/public-origin';
import { createSession, NewSessionBody } from '../../services/connect/create-session';
import type { UiDependencies } from '../dependencies';
import type { UiApp } from '../env';
import { formFields } from '../form';
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
import {
  CONNECT_ACCOUNT_PATH,
  ConnectAccount,
  type ConnectableProvider,
} from '../pages/connect-account';
import { mayAct } from '../permissions';
import { shownOnce } from './account';

export function registerAccounts(ui: UiApp, deps: UiDependencies): void {
  ui.get(ACCOUNTS_PATH, async (c) => {
    const query = accountsQuery(c.req.query());
    const view = await loadAccounts(deps, c.get('session').organisation, query);
    if (!isFragment(c)) {
      return showPage(
        c,
        { title: 'Accounts', section: ACCOUNTS_PATH },
        <AccountsPage view={view} mayAct={mayAct(c.get('session'))} />,
      );
    }
    c.header('HX-Replace-Url', accountsAddress(query));
    return c.html(await markup(<AccountsTable view={view} />));
  });

  ui.get(CONNECT_ACCOUNT_PATH, (c) =>
    showPage(
      c,
      { title: 'Connect an account', section: ACCOUNTS_PATH, narrow: true },
      <ConnectAccount providers={connectable(deps)} />,
    ),
  );

  ui.post(CONNECT_ACCOUNT_PATH, async (c) => {
    const { organisation, keyId } = c.get('session');
    const origin = publicOrigin(c, deps.publicUrl);
    const fields = Object.entries(await formFields(c)).filter(([, text]) => text.trim() !== '');
    const parsed = NewSessionBody.safeParse(Object.fromEntries(fields));
    if (!parsed.success) throw invalidRequest(parsed.error);
    const { session, token } = await createSession(deps, organisation, keyId, parsed.data);
    const url = new URL(`/connect/${token}`, origin).href;
    return shownOnce(c, 'Connect an account', { url, session });
  });
}

function connectable({
  providers,
  consent,
}: Pick<UiDependencies, 'providers' | 'consent'>): ConnectableProvider[] {
  return providers.all.flatMap((provider) => {
    const rules = consent.rulesOf(provider);
    if (rules === null) return [];
    const environments = [...provider.environments.keys()];
    return [{ id: provider.id, environments, inputs: rules.inputs }];
  });
}
