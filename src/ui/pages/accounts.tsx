/** Admin → Accounts: the organisation's accounts, with search, filters, sorting and paging. */
import { z } from 'zod';
import { ACCOUNT_STATUSES, type Account } from '../../domain/account/account';
import { type DueDecision, dueDecision } from '../../domain/account/due-times';
import { ServiceError } from '../../domain/service-error';
import { noMatches, noneYet } from '../../domain/text/messages';
import { accountPage, SEARCH_MAX_CHARACTERS } from '../../services/accounts/account-page';
import { ACCOUNT_SORTS } from '../../store/accounts/account-listing';
import type { UiDependencies } from '../dependencies';
import { OutcomeBadge, StatusBadge, statusWord, words } from '../parts/account-badges';
import { Badge } from '../parts/badge';
import { Moment } from '../parts/time';

const PAGE_SIZE = 50;
export const ACCOUNTS_PATH = '/admin/accounts';

export function accountPath(id: string): string {
  return `${ACCOUNTS_PATH}/${encodeURIComponent(id)}`;
}

/** A form also sends empty fields. */
const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((given) => (given === '' ? undefined : given), schema.optional());

const Query = z.object({
  q: optional(z.string().trim().max(SEARCH_MAX_CHARACTERS)),
  provider: optional(z.string()),
  environment: optional(z.string()),
  status: optional(z.enum(ACCOUNT_STATUSES)),
  kind: optional(z.string().trim()),
  sort: optional(z.enum(ACCOUNT_SORTS)).transform((sort) => sort ?? 'expires_at'),
  cursor: optional(z.string()),
});
export type AccountsQuery = z.infer<typeof Query>;

/** @throws {ServiceError} for an invalid filter */
export function accountsQuery(given: Record<string, string>): AccountsQuery {
  const parsed = Query.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new ServiceError('invalid_request', problems.join('; '));
}

/** The address of this view, without default values. */
export function accountsAddress({ sort, ...query }: AccountsQuery): string {
  const members = Object.entries({ ...query, sort: sort === 'expires_at' ? undefined : sort });
  const search = new URLSearchParams(
    members.filter(
      (pair): pair is [string, string] => typeof pair[1] === 'string' && pair[1] !== '',
    ),
  ).toString();
  return search === '' ? ACCOUNTS_PATH : `${ACCOUNTS_PATH}?${search}`;
}

interface AccountsView {
  query: AccountsQuery;
  organisation: string;
  accounts: { account: Account; due: DueDecision | null }[];
  next: string | null;
  providers: string[];
  environments: string[];
  now: Date;
}

export async function loadAccounts(
  { store, providers, now: clock }: Pick<UiDependencies, 'store' | 'providers' | 'now'>,
  organisation: string,
  query: AccountsQuery,
): Promise<AccountsView> {
  const now = clock();
  const page = await accountPage(store, { organisation, ...query, limit: PAGE_SIZE }, now);
  return {
    query,
    organisation,
    accounts: page.accounts.map((account) => {
      const provider = providers.find(account.provider);
      return { account, due: provider === undefined ? null : dueDecision(account, provider, now) };
    }),
    next: page.next,
    providers: providers.all.map(({ id }) => id).toSorted(),
    environments: [
      ...new Set(providers.all.flatMap(({ environments }) => [...environments.keys()])),
    ].toSorted(),
    now,
  };
}

export function AccountsPage({ view, mayAct }: { view: AccountsView; mayAct: boolean }) {
  return (
    <>
      {mayAct && (
        <p class="actions">
          <a class="button primary" href={`${ACCOUNTS_PATH}/connect`}>
            Connect an account
          </a>
        </p>
      )}
      <Filters view={view} />
      <div id="accounts">
        <AccountsTable view={view} />
      </div>
    </>
  );
}

function Filters({
  view: { query, providers, environments, organisation },
}: {
  view: AccountsView;
}) {
  return (
    <form
      class="filters"
      role="search"
      aria-label="Accounts"
      action={ACCOUNTS_PATH}
      hx-get={ACCOUNTS_PATH}
      hx-target="#accounts"
      hx-sync="this:replace"
      hx-trigger="submit, change, input changed delay:300ms from:#account-search"
    >
      <label class="search">
        Search
        <input
          id="account-search"
          type="search"
          name="q"
          value={query.q ?? ''}
          maxlength={SEARCH_MAX_CHARACTERS}
          placeholder="Label, external id or id"
          autocomplete="off"
        />
      </label>
      <Choice label="Provider" name="provider" chosen={query.provider} values={providers} />
      <Choice
        label="Environment"
        name="environment"
        chosen={query.environment}
        values={environments}
      />
      <Choice
        label="Status"
        name="status"
        chosen={query.status}
        values={ACCOUNT_STATUSES}
        word={statusWord}
      />
      <label>
        Kind
        <input name="kind" value={query.kind ?? ''} placeholder="all" size={10} />
      </label>
      <label>
        Sort by
        <select name="sort">
          {Object.entries(SORTS).map(([value, { word }]) => (
            <option value={value} selected={value === query.sort}>
              {word}
            </option>
          ))}
        </select>
      </label>
      <button>Filter</button>
      <p class="muted">
        Accounts of <strong>{organisation}</strong>
      </p>
    </form>
  );
}

const SORTS = {
  expires_at: { word: 'Expires first', column: 'Access token expires' },
  label: { word: 'Name', column: 'Account' },
  id: { word: 'Id', column: null },
} as const;

interface ChoiceProps<T extends string> {
  label: string;
  name: string;
  chosen: T | undefined;
  values: readonly T[];
  word?: (value: T) => string;
}

function Choice<T extends string>({ label, name, chosen, values, word }: ChoiceProps<T>) {
  // The chosen value is listed even if it is no longer configured.
  const all = chosen === undefined || values.includes(chosen) ? values : [...values, chosen];
  return (
    <label>
      {label}
      <select name={name}>
        <option value="">all</option>
        {all.map((value) => (
          <option value={value} selected={value === chosen}>
            {word === undefined ? value : word(value)}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The part that a filter changes. */
export function AccountsTable({ view }: { view: AccountsView }) {
  const { query, accounts, next } = view;
  if (accounts.length === 0) return <NothingFound query={query} />;
  return (
    <>
      <table class="rows accounts">
        <thead>
          <tr>
            {COLUMNS.map((column) => (
              <th
                scope="col"
                {...(SORTS[query.sort].column === column ? { 'aria-sort': 'ascending' } : {})}
              >
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {accounts.map(({ account, due }) => (
            <Row account={account} due={due} now={view.now} />
          ))}
        </tbody>
      </table>
      <nav class="pager" aria-label="Pages of accounts">
        <span class="muted">
          {accounts.length === 1 ? '1 account' : `${accounts.length} accounts`}
          {query.cursor === undefined && next === null ? '' : ' on this page'}
        </span>
        {query.cursor !== undefined && (
          <a class="button" href={accountsAddress({ ...query, cursor: undefined })}>
            First page
          </a>
        )}
        {next !== null && (
          <a class="button" rel="next" href={accountsAddress({ ...query, cursor: next })}>
            Next page
          </a>
        )}
      </nav>
    </>
  );
}

const COLUMNS = [
  'Account',
  'Status',
  'Provider',
  'Access token expires',
  'Refresh token expires',
  'Last attempt',
  'Due',
];

function NothingFound({ query }: { query: AccountsQuery }) {
  const { sort: _, ...filters } = query;
  return Object.values(filters).some((filter) => filter !== undefined) ? (
    <p class="empty">
      {noMatches('accounts')} <a href={ACCOUNTS_PATH}>Show all</a>
    </p>
  ) : (
    <p class="empty">
      {noneYet('accounts')} Connect one with <code>POST /api/admin/accounts</code> or{' '}
      <code>evergrant accounts add</code>.
    </p>
  );
}

function Row({ account, due, now }: { account: Account; due: DueDecision | null; now: Date }) {
  const { id, label, externalId, environment, kind, current, lastAttempt, lastError } = account;
  return (
    <tr>
      <th scope="row">
        <a href={accountPath(id)}>{label}</a>
        <span class="detail">{externalId}</span>
      </th>
      <td data-label="Status">
        <StatusBadge account={account} now={now} />
        {lastError !== null && <span class="detail bad">{words(lastError.code)}</span>}
      </td>
      <td data-label="Provider">
        {account.provider}
        <span class="detail">{kind === null ? environment : `${environment} · ${kind}`}</span>
      </td>
      <td data-label="Access token">
        {current.accessToken === null ? (
          <Expiry at={null} otherwise="none yet" />
        ) : (
          <Expiry at={current.expiresAt} otherwise="never" />
        )}
      </td>
      <td data-label="Refresh token">
        <Expiry at={current.refreshTokenExpiresAt} otherwise="unknown" />
      </td>
      <td data-label="Attempt">
        {lastAttempt === null ? (
          <span class="muted">none yet</span>
        ) : (
          <>
            <OutcomeBadge outcome={lastAttempt.outcome} />
            <span class="detail">
              {lastAttempt.source}, <Moment at={lastAttempt.finishedAt} />
            </span>
          </>
        )}
      </td>
      <td data-label="Due">
        <Due due={due} at={account.dueTimes.dueAt} />
      </td>
    </tr>
  );
}

function Expiry({ at, otherwise }: { at: string | null; otherwise: string }) {
  return at === null ? <span class="muted">{otherwise}</span> : <Moment at={new Date(at)} />;
}

function Due({ due, at }: { due: DueDecision | null; at: Date | null }) {
  if (due === null) return <span class="detail">provider not configured</span>;
  return (
    <>
      {due.due ? (
        <Badge tone="active">Due</Badge>
      ) : (
        due.reason === 'fresh' && at !== null && <Moment at={at} />
      )}
      <span class="detail">{words(due.reason)}</span>
    </>
  );
}
