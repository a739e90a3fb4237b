/** The list of accounts, its export, and actions on selected accounts. The address holds the filters. */
import { z } from 'zod';
import { accountBody } from '../../api/routes/accounts/account-body';
import { ServiceError } from '../../domain/service-error';
import { invalidRequest } from '../../http/errors';
import { publicOrigin, shownOrigin } from '../../http/public-origin';
import { streamReconnectLinks } from '../../http/reconnect-links';
import { accountFilter } from '../../services/accounts/account-page';
import {
  actOnAccounts,
  BULK_ACTIONS,
  BULK_MAX,
  bulkObstacle,
} from '../../services/accounts/bulk-actions';
import {
  createSession,
  NewSessionBody,
  needsExternalId,
} from '../../services/connect/create-session';
import {
  countAccounts as countForLinks,
  linksInputOf,
  ReconnectLinksBody,
  type ReconnectLinksInput,
} from '../../services/connect/reconnect-links';
import type { UiDependencies } from '../dependencies';
import type { UiApp, UiContext } from '../env';
import {
  actOrShowAgain,
  allFormValues,
  formFields,
  formValues,
  parsedForm,
  shownFilter,
} from '../form';
import { isFragment } from '../guard';
import { showPage } from '../layout';
import { addressOf, parsedQuery, parsedValues } from '../list-query';
import { countedSeldom, EXPORT_PAGE, exportList, LIST_PAGE } from '../list-routes';
import { liveFragment } from '../live';
import { markup } from '../markup';
import {
  ACCOUNT_COLUMNS,
  ACCOUNTS_PATH,
  AccountsPage,
  AccountsQuery,
  accountList,
  accountsFilter,
  BULK_WORDS,
  countAccounts,
  loadAccountRows,
  RECONNECT_LINKS,
  RECONNECT_LINKS_PATH,
  reconnectLinksAddress,
} from '../pages/accounts';
import { BulkPreview, BulkResults } from '../pages/bulk';
import {
  CONNECT_ACCOUNT_PATH,
  ConnectAccount,
  type ConnectableProvider,
} from '../pages/connect-account';
import { COUNTED_MAX, LinksQuery, ReconnectLinks, withStatus } from '../pages/reconnect-links';
import { List, ListBody, shownColumns } from '../parts/list';
import { mayAct } from '../permissions';
import { shownOnce } from './account';

const BulkForm = z.object({
  action: z.enum(BULK_ACTIONS),
  reason: z.string().trim().max(200).optional(),
});
/** Ids per audit entry. */
const AUDITED_IDS_MAX = 50;

export function registerAccounts(ui: UiApp, deps: UiDependencies): void {
  const { store, providers, now } = deps;
  const load = async (
    c: UiContext,
    query: AccountsQuery,
    count = () => countAccounts(deps, c.get('session').organisation, query),
  ) => {
    const session = c.get('session');
    const [{ rows, next }, counted] = await Promise.all([
      loadAccountRows(deps, session.organisation, query, LIST_PAGE),
      count(),
    ]);
    const isWhole = query.cursor === undefined && next === null;
    const shown = { count: rows.length, isComplete: true, asOf: null };
    return accountList(query, rows, next, isWhole ? shown : counted, {
      mayAct: mayAct(session),
      origin: shownOrigin(c, deps.publicUrl),
    });
  };

  ui.get(ACCOUNTS_PATH, async (c) => {
    const query = parsedQuery(c, AccountsQuery);
    const session = c.get('session');
    const list = await load(c, query);
    if (isFragment(c)) {
      c.header('HX-Replace-Url', addressOf(ACCOUNTS_PATH, query));
      return c.html(await markup(<List {...list} />));
    }
    return showPage(
      c,
      { title: 'Accounts', section: ACCOUNTS_PATH, live: true },
      <AccountsPage
        list={list}
        query={query}
        organisation={session.organisation}
        choices={await choicesOf(deps, session.organisation)}
        mayAct={mayAct(session)}
      />,
    );
  });

  ui.get(`${ACCOUNTS_PATH}/stream`, (c) => {
    const query = parsedQuery(c, AccountsQuery);
    const session = c.get('session');
    const count = countedSeldom(() => countAccounts(deps, session.organisation, query));
    return liveFragment(c, deps, async () => <ListBody {...(await load(c, query, count))} />, {
      isList: true,
    });
  });

  ui.get(`${ACCOUNTS_PATH}/export`, (c) => {
    const query = parsedQuery(c, AccountsQuery);
    const { organisation } = c.get('session');
    return exportList(c, deps, {
      name: 'accounts',
      columns: shownColumns(ACCOUNT_COLUMNS, query.column ?? ACCOUNT_COLUMNS.map(({ id }) => id)),
      body: ({ account, now: at }) => accountBody(account, providers, at),
      page: (cursor) => loadAccountRows(deps, organisation, { ...query, cursor }, EXPORT_PAGE),
    });
  });

  ui.post(`${ACCOUNTS_PATH}/actions`, async (c) => {
    const { organisation } = c.get('session');
    const fields = await formFields(c);
    const ids = fields['all'] === undefined ? await formValues(c, 'id') : undefined;
    if (ids?.length === 0)
      throw new ServiceError('invalid_request', 'Select at least one account, then try again.');
    if (fields['action'] === RECONNECT_LINKS) {
      const chosen = ids === undefined ? filtersOf(shownFilter(fields)) : { id: ids };
      return c.redirect(reconnectLinksAddress(chosen), 303);
    }
    const { action } = bulkForm(fields);
    const filter =
      ids === undefined
        ? accountFilter(accountsFilter(filtersOf(shownFilter(fields)), organisation, now()), now())
        : { organisation, ids: ids.slice(0, BULK_MAX + 1) };
    const found = await store.accounts.list({ ...filter, sort: 'label', limit: BULK_MAX + 1 });
    const rows = found
      .slice(0, BULK_MAX)
      .map((account) => ({ account, obstacle: bulkObstacle(deps, action, account) }));
    return showPage(
      c,
      { title: `${BULK_WORDS[action]}: preview`, section: ACCOUNTS_PATH },
      <BulkPreview action={action} rows={rows} isCut={found.length > BULK_MAX} />,
    );
  });

  ui.post(`${ACCOUNTS_PATH}/actions/run`, async (c) => {
    const { organisation, keyId } = c.get('session');
    const { action, reason = '' } = bulkForm(await formFields(c));
    const ids = (await formValues(c, 'id')).slice(0, BULK_MAX);
    const accounts = await store.accounts.list({
      organisation,
      ids,
      sort: 'label',
      limit: BULK_MAX,
    });
    for (let from = 0; from < accounts.length; from += AUDITED_IDS_MAX)
      // oxlint-disable-next-line no-await-in-loop -- the entries of one chain are appended one after the other
      await deps.audit.append({
        organisation,
        actor: keyId,
        action: `POST ${ACCOUNTS_PATH}/actions/run`,
        details: {
          phase: 'asked',
          action,
          accounts: accounts.slice(from, from + AUDITED_IDS_MAX).map(({ id }) => id),
        },
      });
    const results = await actOnAccounts(
      deps,
      { organisation, keyId },
      { action, accounts, reason },
    );
    return showPage(
      c,
      { title: `${BULK_WORDS[action]}: results`, section: ACCOUNTS_PATH },
      <BulkResults action={action} results={results} />,
    );
  });

  ui.get(CONNECT_ACCOUNT_PATH, (c) =>
    showPage(
      c,
      { title: 'Connect an account', section: ACCOUNTS_PATH, narrow: true },
      <ConnectAccount providers={connectable(deps)} />,
    ),
  );

  ui.post(CONNECT_ACCOUNT_PATH, (c) =>
    actOrShowAgain(
      c,
      async () => {
        const { organisation, keyId } = c.get('session');
        const origin = publicOrigin(c, deps.publicUrl);
        const fields = Object.entries(await formFields(c)).filter(([, text]) => text.trim() !== '');
        const body = parsedForm(NewSessionBody, Object.fromEntries(fields));
        const { session, token } = await createSession(deps, organisation, keyId, body);
        const url = new URL(`/connect/${token}`, origin).href;
        return shownOnce(c, 'Connect an account', { url, session });
      },
      (state, status) =>
        showPage(
          c,
          { title: 'Connect an account', section: ACCOUNTS_PATH, narrow: true, status },
          <ConnectAccount providers={connectable(deps)} state={state} />,
        ),
    ),
  );

  ui.get(RECONNECT_LINKS_PATH, async (c) => {
    const query = withStatus(parsedQuery(c, LinksQuery));
    const { organisation } = c.get('session');
    const input = linksInput(query, organisation, now());
    return showPage(
      c,
      { title: 'Reconnect links', section: ACCOUNTS_PATH, narrow: true },
      <ReconnectLinks
        query={query}
        limit={input.limit}
        count={await countForLinks(deps, organisation, input, COUNTED_MAX)}
      />,
    );
  });

  ui.post(RECONNECT_LINKS_PATH, async (c) => {
    const { format: given, ...fields } = await allFormValues(c);
    const format = given?.at(-1) === 'jsonl' ? 'jsonl' : 'csv';
    const session = c.get('session');
    c.header('Content-Disposition', `attachment; filename="reconnect-links.${format}"`);
    return streamReconnectLinks(c, deps, {
      principal: session,
      input: linksInput(withStatus(parsedValues(fields, LinksQuery)), session.organisation, now()),
      format,
      action: `POST ${RECONNECT_LINKS_PATH}`,
      isAllowed: async () => {
        const current = await deps.sessions.read(c);
        return current !== null && mayAct(current);
      },
    });
  });
}

/** The links of the API's defaults, for the accounts of the filters. */
function linksInput(
  { id, ...filters }: LinksQuery,
  organisation: string,
  at: Date,
): ReconnectLinksInput {
  const filter = accountsFilter(filters, organisation, at);
  return { ...linksInputOf(ReconnectLinksBody.parse({})), filter: { ...filter, ids: id } };
}

/** @throws {ServiceError} `invalid_request` */
function bulkForm(fields: Readonly<Record<string, string>>): z.infer<typeof BulkForm> {
  const parsed = BulkForm.safeParse(fields);
  if (!parsed.success) throw invalidRequest(parsed.error);
  return parsed.data;
}

/** The filters that a list wrote as the query of an address. */
function filtersOf(text: string): AccountsQuery {
  const search = new URLSearchParams(text);
  const names = [...new Set(search.keys())];
  return parsedValues(
    Object.fromEntries(names.map((name) => [name, search.getAll(name)])),
    AccountsQuery,
  );
}

/** The values that filters offer: those of the configuration, and those that accounts have. */
async function choicesOf(
  { providers, statistics, store, now }: UiDependencies,
  organisation: string,
) {
  const [{ accounts }, attention] = await Promise.all([
    statistics(organisation),
    store.accountAttention.of({ organisation, now: now() }),
  ]);
  const environments = providers.all.flatMap((one) => [...one.environments.keys()]);
  return {
    providers: sorted([
      ...providers.all.map(({ id }) => id),
      ...accounts.map((one) => one.provider),
    ]),
    environments: sorted([...environments, ...accounts.map((one) => one.environment)]),
    kinds: sorted(accounts.flatMap(({ kind }) => kind ?? [])),
    reasons: sorted(attention.counts.broken.flatMap(({ code }) => code ?? [])),
  };
}

function sorted(values: readonly string[]): string[] {
  return [...new Set(values)].toSorted();
}

function connectable({
  providers,
  consent,
}: Pick<UiDependencies, 'providers' | 'consent'>): ConnectableProvider[] {
  return providers.all.flatMap((provider) => {
    const rules = consent.rulesOf(provider);
    if (rules === null) return [];
    const environments = [...provider.environments.keys()];
    return [
      {
        id: provider.id,
        environments,
        externalId: rules.inputs.some(({ isExternalId }) => isExternalId === true)
          ? ('owner' as const)
          : needsExternalId(rules, provider)
            ? ('admin' as const)
            : ('none' as const),
      },
    ];
  });
}
