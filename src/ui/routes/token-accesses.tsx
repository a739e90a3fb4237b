/** Admin → Token accesses: the callers that received a token of an account, newest first. */
import { z } from 'zod';
import { tokenAccessBody } from '../../api/routes/tokens/list-token-accesses';
import { encodeCursor } from '../../domain/cursor';
import { placeOf } from '../../http/paging';
import { TOKEN_ACCESS_SOURCES, type WrittenTokenAccess } from '../../store/access/token-accesses';
import type { UiDependencies } from '../dependencies';
import type { UiApp } from '../env';
import { demandAdmin } from '../guard';
import { placeBefore, registerList } from '../list-page';
import { addressOf, many, moment, pastRange, single, span, text } from '../list-query';
import { accountPath } from '../pages/accounts';
import { repeatedList, TIME_FILTERS } from '../parts/commands';
import { Copyable } from '../parts/copy';
import { FilterBar, Many, PastTimeRange } from '../parts/filter-bar';
import { type Column, ColumnChoice } from '../parts/list';
import { duration, Moment } from '../parts/time';

export const TOKEN_ACCESSES_PATH = '/admin/token-accesses';

const Query = z.object({
  account: single(text(64)),
  caller: single(text(200)),
  source: many(z.enum(TOKEN_ACCESS_SOURCES)),
  since: single(span),
  from: single(moment),
  to: single(moment),
  column: many(text(32)),
  cursor: single(z.string().max(4096)),
});

interface Row extends WrittenTokenAccess {
  /** The account's label; `null`: the account was deleted. */
  label: string | null;
}

const SOURCE_WORDS: Record<WrittenTokenAccess['source'], string> = {
  memory: 'cache of the process',
  store: 'database',
  refresh: 'a refresh for this request',
  fallback: 'fallback token',
};

const COLUMNS: readonly Column<Row>[] = [
  {
    id: 'account',
    title: 'Account',
    names: true,
    flexible: true,
    value: ({ label, accountId }) => label ?? accountId,
    cell: ({ label, accountId }) =>
      label === null ? accountId : <a href={accountPath(accountId)}>{label}</a>,
  },
  {
    id: 'at',
    title: 'When',
    value: ({ at }) => at.toISOString(),
    cell: ({ at }) => <Moment at={at} />,
  },
  {
    id: 'caller',
    title: 'Caller',
    value: ({ keyId }) => keyId,
    cell: ({ keyId }) => <a href={addressOf(TOKEN_ACCESSES_PATH, { caller: keyId })}>{keyId}</a>,
  },
  {
    id: 'source',
    title: 'Served from',
    value: ({ source }) => source,
    cell: ({ source }) => SOURCE_WORDS[source],
  },
  {
    id: 'remaining',
    title: 'Valid for',
    value: ({ remainingSeconds }) => remainingSeconds,
    cell: ({ remainingSeconds }) =>
      remainingSeconds === null ? 'unknown' : duration(remainingSeconds * 1_000),
  },
  {
    id: 'fingerprint',
    title: 'Token fingerprint',
    value: ({ accessTokenFingerprint }) => accessTokenFingerprint,
    cell: ({ accessTokenFingerprint }) => (
      <Copyable text={accessTokenFingerprint} of="the fingerprint" />
    ),
  },
  {
    id: 'request',
    title: 'Request id',
    flexible: true,
    value: ({ requestId }) => requestId,
    cell: ({ requestId }) => <Copyable text={requestId} of="the request id" />,
  },
  {
    id: 'generation',
    title: 'Generation',
    optional: true,
    value: ({ generation }) => generation,
    cell: ({ generation }) => generation,
  },
  {
    id: 'account_id',
    title: 'Account id',
    optional: true,
    value: ({ accountId }) => accountId,
    cell: ({ accountId }) => <Copyable text={accountId} of="the account id" />,
  },
  {
    id: 'id',
    title: 'Id',
    optional: true,
    value: ({ id }) => id,
    cell: ({ id }) => <Copyable text={id} of="the id" />,
  },
];

export function registerTokenAccesses(ui: UiApp, deps: UiDependencies): void {
  const { store, now } = deps;
  registerList(ui, deps, {
    path: TOKEN_ACCESSES_PATH,
    title: 'Token accesses',
    schema: Query,
    things: ['token accesses', 'token access'],
    columns: COLUMNS,
    idOf: ({ id }) => id,
    guard: demandAdmin,
    body: tokenAccessBody,
    start: <>Each token that an application receives adds a row.</>,
    placeBefore: ({ at, id }) => placeBefore(at.toISOString(), id),
    // The API lists the accesses of one account.
    repeatedBy: ({ account, ...query }) =>
      account === undefined
        ? null
        : repeatedList(
            {
              path: `/api/admin/accounts/${encodeURIComponent(account)}/token-accesses`,
              words: ['tokens', 'accesses', account],
            },
            query,
            { caller: { label: 'Caller' }, source: { label: 'Served from' }, ...TIME_FILTERS },
          ),
    async page({ organisation }, query, limit) {
      const { account: accountId, caller: keyId, source: sources, since, from, to } = query;
      const { tokenAccesses, next } = await store.tokenAccesses.page({
        organisation,
        accountId,
        keyId,
        sources,
        ...pastRange(since, { from, to }, now()),
        before: query.cursor === undefined ? undefined : placeOf(query.cursor, 'cursor'),
        limit,
      });
      const labels = await store.accounts.labels(
        organisation,
        tokenAccesses.map((one) => one.accountId),
      );
      return {
        rows: tokenAccesses.map((one) => ({ ...one, label: labels.get(one.accountId) ?? null })),
        next: next && encodeCursor(next.at.toISOString(), next.id),
      };
    },
    async above(_c, query) {
      return (
        <>
          <p class="muted">
            Each row is a token that Evergrant served. Requests that were refused are in the log of
            the API, under their request id.
          </p>
          <FilterBar path={TOKEN_ACCESSES_PATH} label="Token accesses" replaces="#list">
            <label>
              Account
              <input name="account" value={query.account ?? ''} placeholder="acc_…" />
            </label>
            <label>
              Caller
              <input name="caller" value={query.caller ?? ''} placeholder="id of a key, or jwt:…" />
            </label>
            <Many
              name="source"
              label="Served from"
              chosen={query.source}
              values={TOKEN_ACCESS_SOURCES}
              word={(source) => SOURCE_WORDS[source]}
            />
            <PastTimeRange label="Time" query={query} />
            <ColumnChoice columns={COLUMNS} chosen={query.column} />
          </FilterBar>
        </>
      );
    },
  });
}
