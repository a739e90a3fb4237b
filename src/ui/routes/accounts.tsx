/** The list of accounts. The address holds its filters; htmx replaces only the table. */
import { invalidRequest } from '../../http/errors';
import { publicOrigin } from '../../http/public-origin';
import { streamReconnectLinks } from '../../http/reconnect-links';
import { createSession, NewSessionBody } from '../../services/connect/create-session';
import {
  countAccounts,
  ReconnectLinksBody,
  type ReconnectLinksInput,
} from '../../services/connect/reconnect-links';
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
  RECONNECT_LINKS_PATH,
} from '../pages/accounts';
import {
  CONNECT_ACCOUNT_PATH,
  ConnectAccount,
  type ConnectableProvider,
} from '../pages/connect-account';
import { COUNTED_MAX, ReconnectLinks } from '../pages/reconnect-links';
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
    const isActor = mayAct(c.get('session'));
    return c.html(await markup(<AccountsTable view={view} mayAct={isActor} />));
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

  ui.get(RECONNECT_LINKS_PATH, async (c) => {
    const input = linksInput(c.req.query());
    const { organisation } = c.get('session');
    const count = await countAccounts(deps, organisation, input, COUNTED_MAX);
    return showPage(
      c,
      { title: 'Reconnect links', section: ACCOUNTS_PATH, narrow: true },
      <ReconnectLinks input={input} count={count} />,
    );
  });

  ui.post(RECONNECT_LINKS_PATH, async (c) => {
    const { format: given, ...fields } = await formFields(c);
    const format = given === 'jsonl' ? 'jsonl' : 'csv';
    const session = c.get('session');
    c.header('Content-Disposition', `attachment; filename="reconnect-links.${format}"`);
    return streamReconnectLinks(c, deps, {
      principal: session,
      input: linksInput(fields),
      format,
      action: `POST ${RECONNECT_LINKS_PATH}`,
      isAllowed: async () => {
        const current = await deps.sessions.read(c);
        return current !== null && mayAct(current);
      },
    });
  });
}

/** @throws {ServiceError} for an invalid filter; an empty field is no filter */
function linksInput(fields: Readonly<Record<string, string>>): ReconnectLinksInput {
  const given = Object.entries(fields).filter(([, text]) => text.trim() !== '');
  const parsed = ReconnectLinksBody.safeParse(Object.fromEntries(given));
  if (!parsed.success) throw invalidRequest(parsed.error);
  return parsed.data;
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
