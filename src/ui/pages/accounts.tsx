/** Admin → Accounts: the organisation's accounts, with search, filters, order, pages, and actions on selected accounts. */
import type { Child } from 'hono/jsx';
import { z } from 'zod';
import {
  ACCOUNT_STATUSES,
  type Account,
  AccountState,
  accountStatus,
} from '../../domain/account/account';
import { type DueDecision, dueDecision } from '../../domain/account/due-times';
import {
  type AccountPageFilter,
  accountFilter,
  accountPage,
  SEARCH_MAX_CHARACTERS,
} from '../../services/accounts/account-page';
import { BULK_ACTIONS, type BulkAction } from '../../services/accounts/bulk-actions';
import { sum } from '../../services/overview/sum';
import { ACCOUNT_SORTS } from '../../store/accounts/account-listing';
import type { UiDependencies } from '../dependencies';
import { addressOf, aheadRange, many, moment, single, span, text } from '../list-query';
import { COUNT_MAX } from '../list-routes';
import { ProviderCell, StatusBadge, statusWord, words } from '../parts/account-badges';
import { Badge } from '../parts/badge';
import { type RepeatedBy, repeatedList, sameName } from '../parts/commands';
import { Copyable } from '../parts/copy';
import { AHEAD_SPANS, FilterBar, Many, One, Search, TimeRange } from '../parts/filter-bar';
import { type Column, ColumnChoice, List, type ListProps, type RowCount } from '../parts/list';
import { Moment } from '../parts/time';

export const ACCOUNTS_PATH = '/admin/accounts';
export const RECONNECT_LINKS_PATH = `${ACCOUNTS_PATH}/reconnect-links`;

/** The form that acts on the selected accounts. */
const BULK_FORM = 'bulk';
/** The choice of that form that leads to the page of reconnect links. */
export const RECONNECT_LINKS = 'reconnect_links';

export function accountPath(id: string): string {
  return `${ACCOUNTS_PATH}/${encodeURIComponent(id)}`;
}

export const AccountsQuery = z.object({
  q: single(text(SEARCH_MAX_CHARACTERS)),
  provider: many(text(64)),
  environment: many(text(64)),
  status: many(z.enum(ACCOUNT_STATUSES)),
  reason: many(text(64)),
  kind: many(text(64)),
  quarantine: single(z.enum(['true', 'false'])),
  expires: single(span),
  expires_from: single(moment),
  expires_to: single(moment),
  refresh_expires: single(span),
  refresh_expires_from: single(moment),
  refresh_expires_to: single(moment),
  sort: single(z.enum(ACCOUNT_SORTS)),
  column: many(text(32)),
  cursor: single(z.string().max(4096)),
});
export type AccountsQuery = z.infer<typeof AccountsQuery>;

/** The filters of a query, without order, columns and place. */
export function accountsFilter(
  query: Omit<AccountsQuery, 'sort' | 'column' | 'cursor'>,
  organisation: string,
  now: Date,
): AccountPageFilter {
  const { q, provider, environment, status, reason, kind, quarantine } = query;
  return {
    organisation,
    q,
    provider,
    environment,
    status,
    reason,
    kind,
    quarantine: quarantine === undefined ? undefined : quarantine === 'true',
    expires: aheadRange(query.expires, { from: query.expires_from, to: query.expires_to }, now),
    refreshExpires: aheadRange(
      query.refresh_expires,
      { from: query.refresh_expires_from, to: query.refresh_expires_to },
      now,
    ),
  };
}

export interface AccountRow {
  account: Account;
  due: DueDecision | null;
  now: Date;
}

export async function loadAccountRows(
  { store, providers, now: clock }: Pick<UiDependencies, 'store' | 'providers' | 'now'>,
  organisation: string,
  { sort = 'expires_at', cursor, ...query }: AccountsQuery,
  limit: number,
): Promise<{ rows: AccountRow[]; next: string | null }> {
  const now = clock();
  const filter = accountsFilter(query, organisation, now);
  const { accounts, next } = await accountPage(store, { ...filter, sort, limit, cursor }, now);
  const rows = accounts.map((account) => {
    const provider = providers.find(account.provider);
    return {
      account,
      due: provider === undefined ? null : dueDecision(account, provider, now),
      now,
    };
  });
  return { rows, next };
}

/**
 * Counts the matching accounts: from the organisation's statistics if the filters are among their groups, and otherwise
 * up to {@link COUNT_MAX}.
 * @returns `null` with a search, because counting its matches would read all accounts
 */
export async function countAccounts(
  { store, statistics, now }: Pick<UiDependencies, 'store' | 'statistics' | 'now'>,
  organisation: string,
  query: AccountsQuery,
): Promise<RowCount | null> {
  if (query.q !== undefined) return null;
  const at = now();
  const filter = accountsFilter(query, organisation, at);
  const count = await store.accounts.count(accountFilter(filter, at), COUNT_MAX + 1);
  if (count <= COUNT_MAX) return { count, isComplete: true, asOf: null };
  const { reason, quarantine, expires, refreshExpires, provider, environment, kind, status } =
    filter;
  const isGrouped = [reason, quarantine, expires, refreshExpires].every((one) => one === undefined);
  const { accounts, accountsAsOf } = await statistics(organisation);
  if (!isGrouped || accountsAsOf === null)
    return { count: COUNT_MAX, isComplete: false, asOf: null };
  const groups = accounts.filter(
    (group) =>
      isWanted(group.provider, provider) &&
      isWanted(group.environment, environment) &&
      isWanted(group.kind, kind),
  );
  const statuses = status === undefined ? ACCOUNT_STATUSES : [status].flat();
  return {
    count: sum(groups.flatMap(({ byStatus }) => statuses.map((one) => byStatus[one]))),
    isComplete: true,
    asOf: accountsAsOf,
  };
}

function isWanted(value: string | null, among: string | readonly string[] | undefined): boolean {
  return among === undefined || (value !== null && [among].flat().includes(value));
}

export const ACCOUNT_COLUMNS: readonly Column<AccountRow>[] = [
  {
    id: 'label',
    title: 'Account',
    names: true,
    flexible: true,
    sort: 'label',
    value: ({ account }) => account.label,
    cell: ({ account: { id, label, externalId } }) => (
      <>
        <a href={accountPath(id)}>{label}</a>
        <span class="detail">{externalId}</span>
      </>
    ),
  },
  {
    id: 'id',
    title: 'Id',
    optional: true,
    sort: 'id',
    value: ({ account }) => account.id,
    cell: ({ account }) => <Copyable text={account.id} of="the id" />,
  },
  {
    id: 'external_id',
    title: 'External id',
    optional: true,
    value: ({ account }) => account.externalId,
    cell: ({ account }) => <Copyable text={account.externalId} of="the external id" />,
  },
  {
    id: 'status',
    title: 'Status',
    value: ({ account, now }) => accountStatus(account, now),
    cell: ({ account, now }) => (
      <>
        <StatusBadge account={account} now={now} />
        {account.quarantine && <Badge tone="plain">Quarantine</Badge>}
        {account.lastError !== null && (
          <span class="detail bad">{words(account.lastError.code)}</span>
        )}
      </>
    ),
  },
  {
    id: 'reason',
    title: 'Reason',
    optional: true,
    value: ({ account }) => account.lastError?.code ?? null,
    cell: ({ account: { stateReason, lastError } }) => stateReason ?? lastError?.message ?? null,
  },
  {
    id: 'since',
    title: 'Status since',
    optional: true,
    value: ({ account }) => account.stateAt.toISOString(),
    cell: ({ account }) => <Moment at={account.stateAt} />,
  },
  {
    id: 'provider',
    title: 'Provider',
    value: ({ account }) => account.provider,
    cell: ({ account }) => <ProviderCell {...account} />,
  },
  {
    id: 'environment',
    title: 'Environment',
    optional: true,
    value: ({ account }) => account.environment,
    cell: ({ account }) => account.environment,
  },
  {
    id: 'kind',
    title: 'Kind',
    optional: true,
    value: ({ account }) => account.kind,
    cell: ({ account }) => account.kind,
  },
  {
    id: 'expires_at',
    title: 'Access token expires',
    sort: 'expires_at',
    value: ({ account }) => account.current.expiresAt,
    cell: ({ account: { current } }) =>
      current.accessToken === null ? (
        <Quiet>none yet</Quiet>
      ) : current.expiresAt === null ? (
        <Quiet>never</Quiet>
      ) : (
        <Moment at={new Date(current.expiresAt)} />
      ),
  },
  {
    id: 'refresh_token_expires_at',
    title: 'Refresh token expires',
    sort: 'refresh_token_expires_at',
    value: ({ account }) => account.current.refreshTokenExpiresAt,
    cell: ({ account: { current } }) =>
      current.refreshTokenExpiresAt === null ? null : (
        <Moment at={new Date(current.refreshTokenExpiresAt)} />
      ),
  },
  {
    id: 'last_attempt',
    title: 'Last attempt',
    value: ({ account }) => account.lastAttempt?.finishedAt.toISOString() ?? null,
    cell: ({ account: { lastAttempt, lastError } }) =>
      lastAttempt === null ? (
        <Quiet>none yet</Quiet>
      ) : (
        <>
          <Moment at={lastAttempt.finishedAt} />
          {/* The status has the reason of the last error. */}
          {lastAttempt.outcome === 'failed' && lastError === null && (
            <span class="detail bad">failed</span>
          )}
        </>
      ),
  },
  {
    id: 'source',
    title: 'Source',
    optional: true,
    value: ({ account }) => account.lastAttempt?.source ?? null,
    cell: ({ account }) => account.lastAttempt?.source,
  },
  {
    id: 'due',
    title: 'Due',
    value: ({ account }) => account.dueTimes.dueAt?.toISOString() ?? null,
    cell: ({ account, due }) => <Due account={account} due={due} />,
  },
];

function Quiet({ children }: { children?: Child }) {
  return <span class="muted">{children}</span>;
}

/** Empty if the status says already why the account is not refreshed. */
function Due({ account, due }: { account: Account; due: DueDecision | null }) {
  if (due === null) return <span class="detail">provider not configured</span>;
  if (account.state !== AccountState.active) return null;
  const { dueAt } = account.dueTimes;
  return (
    <>
      {due.due ? (
        <Badge tone="active">Due</Badge>
      ) : (
        due.reason === 'fresh' && dueAt !== null && <Moment at={dueAt} />
      )}
      {due.reason !== 'fresh' && !account.quarantine && (
        <span class="detail">{words(due.reason)}</span>
      )}
    </>
  );
}

export function accountList(
  { cursor, ...query }: AccountsQuery,
  rows: readonly AccountRow[],
  next: string | null,
  count: RowCount | null,
  { mayAct, origin }: { mayAct: boolean; origin: string },
): ListProps<AccountRow> {
  return {
    path: ACCOUNTS_PATH,
    things: ['accounts', 'account'],
    query,
    cursor,
    next,
    rows,
    count,
    columns: ACCOUNT_COLUMNS,
    chosenColumns: query.column,
    sort: query.sort ?? 'expires_at',
    idOf: ({ account }) => account.id,
    nameOf: ({ account }) => account.label,
    ...(mayAct ? { selectedBy: BULK_FORM } : {}),
    repeatedBy: { origin, command: accountsCommand(query) },
    ...(mayAct
      ? {
          start: (
            <>
              <a href={`${ACCOUNTS_PATH}/connect`}>Connect one</a>,{' '}
              <a href={`${ACCOUNTS_PATH}/new`}>add one by its refresh token</a>, or{' '}
              <a href={`${ACCOUNTS_PATH}/import`}>import a file</a>.
            </>
          ),
        }
      : {}),
  };
}

function accountsCommand(query: Omit<AccountsQuery, 'cursor'>): RepeatedBy {
  return repeatedList(
    { path: '/api/admin/accounts', words: ['accounts', 'list'] },
    { ...query, sort: query.sort ?? 'expires_at' },
    {
      q: { label: 'Search', api: 'q', option: 'search' },
      provider: sameName('Provider', 'provider'),
      environment: sameName('Environment', 'environment'),
      status: sameName('Status', 'status'),
      kind: sameName('Kind', 'kind'),
      quarantine: { ...sameName('Quarantine', 'quarantine'), isFlag: true },
      sort: sameName('Order', 'sort'),
      reason: sameName('Reason', 'reason'),
      expires: { label: 'Access token expires' },
      expires_from: { label: 'Access token expires' },
      expires_to: { label: 'Access token expires' },
      refresh_expires: { label: 'Refresh token expires' },
      refresh_expires_from: { label: 'Refresh token expires' },
      refresh_expires_to: { label: 'Refresh token expires' },
    },
  );
}

interface AccountsPageProps {
  list: ListProps<AccountRow>;
  query: AccountsQuery;
  organisation: string;
  choices: {
    providers: readonly string[];
    environments: readonly string[];
    reasons: readonly string[];
    kinds: readonly string[];
  };
  mayAct: boolean;
}

export function AccountsPage({ list, query, organisation, choices, mayAct }: AccountsPageProps) {
  return (
    <>
      <FilterBar path={ACCOUNTS_PATH} label="Accounts" replaces="#list">
        <Search
          name="q"
          label="Search"
          value={query.q}
          placeholder="Label, external id or id"
          max={SEARCH_MAX_CHARACTERS}
        />
        <Many
          name="status"
          label="Status"
          chosen={query.status}
          values={ACCOUNT_STATUSES}
          word={statusWord}
        />
        <Many name="reason" label="Reason" chosen={query.reason} values={choices.reasons} />
        <Many name="provider" label="Provider" chosen={query.provider} values={choices.providers} />
        <Many
          name="environment"
          label="Environment"
          chosen={query.environment}
          values={choices.environments}
        />
        <Many name="kind" label="Kind" chosen={query.kind} values={choices.kinds} />
        <TimeRange
          label="Access token expires"
          names={{ span: 'expires', from: 'expires_from', to: 'expires_to' }}
          span={query.expires}
          from={query.expires_from}
          to={query.expires_to}
          spans={AHEAD_SPANS}
          direction="next"
        />
        <TimeRange
          label="Refresh token expires"
          names={{
            span: 'refresh_expires',
            from: 'refresh_expires_from',
            to: 'refresh_expires_to',
          }}
          span={query.refresh_expires}
          from={query.refresh_expires_from}
          to={query.refresh_expires_to}
          spans={AHEAD_SPANS}
          direction="next"
        />
        <One
          name="quarantine"
          label="Quarantine"
          chosen={query.quarantine}
          options={{ true: 'only', false: 'without' }}
          none="all"
        />
        <One name="sort" label="Sort by" chosen={query.sort ?? 'expires_at'} options={SORTS} />
        <ColumnChoice columns={ACCOUNT_COLUMNS} chosen={query.column} />
        <p class="muted">
          Organisation <strong>{organisation}</strong>
        </p>
      </FilterBar>
      {mayAct && <BulkForm links={reconnectLinksAddress(query)} />}
      <List {...list} />
    </>
  );
}

const SORTS = {
  expires_at: 'Access token expiry',
  refresh_token_expires_at: 'Refresh token expiry',
  label: 'Name',
  id: 'Id',
};

export const BULK_WORDS: Record<BulkAction, string> = {
  refresh: 'Refresh now',
  validate: 'Validate',
  disable: 'Disable',
  enable: 'Enable',
  release: 'Release from quarantine',
};

/** The page that makes links for the accounts of these filters. */
export function reconnectLinksAddress(query: AccountsQuery & { id?: string[] }): string {
  const { sort: _order, column: _columns, cursor: _place, ...filters } = query;
  return addressOf(RECONNECT_LINKS_PATH, filters);
}

/** Outside the list, whose updates would reset the chosen action. */
function BulkForm({ links }: { links: string }) {
  return (
    <form id={BULK_FORM} class="bulk" method="post" action={`${ACCOUNTS_PATH}/actions`}>
      <a class="button primary" href={`${ACCOUNTS_PATH}/connect`}>
        Connect an account
      </a>
      <a class="button" href={`${ACCOUNTS_PATH}/new`}>
        Add by refresh token
      </a>
      <a class="button" href={`${ACCOUNTS_PATH}/import`}>
        Import
      </a>
      {links !== null && (
        <a class="button" href={links}>
          Reconnect links …
        </a>
      )}
      <span class="together">
        <label>
          <span>
            With <span data-selected>the selected accounts</span>
          </span>
          <select name="action">
            {BULK_ACTIONS.map((action) => (
              <option value={action}>{BULK_WORDS[action]}</option>
            ))}
            <option value={RECONNECT_LINKS}>Make reconnect links</option>
          </select>
        </label>
        <button>Preview …</button>
        <button name="all" value="true">
          Preview all that match …
        </button>
      </span>
    </form>
  );
}
