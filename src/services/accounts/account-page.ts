/** One page of an organisation's accounts, shared by the API and the pages. */
import type { Account, AccountStatus } from '../../domain/account/account';
import { decodeCursor, encodeCursor } from '../../domain/cursor';
import { ServiceError } from '../../domain/service-error';
import { type AccountSort, isPlace, placeOf } from '../../store/accounts/account-listing';
import type { AccountFilter } from '../../store/accounts/accounts';
import type { Store } from '../../store/store';

export const SEARCH_MAX_CHARACTERS = 100;

export interface AccountPageFilter extends Omit<AccountFilter, 'status' | 'text'> {
  q?: string | undefined;
  status?: AccountStatus | readonly AccountStatus[] | undefined;
}

interface AccountPageQuery extends AccountPageFilter {
  sort: AccountSort;
  limit: number;
  cursor?: string | undefined;
}

/**
 * A search for a rare text may end a page early, even without an account, so that no request reads all accounts.
 * @returns `next`: the cursor of the next page, which holds the place in the order up to which this page goes
 * @throws {ServiceError} for a cursor of another order
 */
export async function accountPage(
  store: Store,
  { sort, limit, cursor, ...filters }: AccountPageQuery,
  now: Date,
): Promise<{ accounts: Account[]; next: string | null }> {
  const { rows, searchedTo } = await store.accounts.page({
    ...accountFilter(filters, now),
    sort,
    after: cursor === undefined ? undefined : decodedPlace(sort, cursor),
    limit: limit + 1,
  });
  const accounts = rows.slice(0, limit);
  const last = rows.length > limit ? accounts.at(-1) : undefined;
  const place = last === undefined ? searchedTo : placeOf(sort, last);
  if (place === null) return { accounts, next: null };
  const { value, id } = place;
  return { accounts, next: encodeCursor(sort, id, ...(value === null ? [] : [value])) };
}

export function accountFilter(
  { q, status, ...filters }: AccountPageFilter,
  now: Date,
): AccountFilter {
  const text = q?.trim();
  return {
    ...filters,
    text: text === '' ? undefined : text,
    status: status === undefined ? undefined : { is: status, at: now },
  };
}

function decodedPlace(sort: AccountSort, cursor: string) {
  const parts = decodeCursor(cursor, 3) ?? decodeCursor(cursor, 2) ?? [];
  const [of, id = '', value = null] = parts;
  const place = { value, id };
  if (of !== sort || !isPlace(sort, place)) {
    throw new ServiceError(
      'invalid_request',
      `cursor: not valid for the order ${sort}; use the value of next_cursor`,
    );
  }
  return place;
}
