/** In which orders accounts are listed, how a page goes on after a place, and what a search finds. */
import mongoose, { type QueryFilter } from 'mongoose';
import type { Account } from '../domain/account';
import type { AccountDocument } from './account-model';

export const ACCOUNT_SORTS = ['id', 'expires_at', 'label'] as const;
export type AccountSort = (typeof ACCOUNT_SORTS)[number];

/** Where an account stands in an order; `value` is `null` where the order is that of ids, or where it has none. */
export interface AccountPlace {
  value: string | null;
  id: string;
}

/** What an order goes by before the id; each has an index of its own. */
export const ORDER = {
  id: {},
  expires_at: { 'current.expires_at': 1 },
  label: { label: 1 },
} as const satisfies Record<AccountSort, object>;

export function placeOf(sort: AccountSort, account: Account): AccountPlace {
  const { id, label, current } = account;
  return { value: { id: null, expires_at: current.expiresAt, label }[sort], id };
}

/** Whether a place can be one in this order: a cursor comes from outside. */
export function isPlace(sort: AccountSort, { value }: AccountPlace): boolean {
  if (sort === 'id') return value === null;
  if (sort === 'label') return value !== null;
  return value === null || !Number.isNaN(Date.parse(value));
}

/** What comes after a place. A token that does not end comes before all that do, as MongoDB has it. */
export function afterPlace(
  sort: AccountSort,
  { value, id }: AccountPlace,
): QueryFilter<AccountDocument> {
  if (sort === 'id') return { _id: mongoose.trusted({ $gt: id }) };
  const [member = '_id'] = Object.keys(ORDER[sort]);
  const at = sort === 'expires_at' && value !== null ? new Date(value) : value;
  if (at === null)
    return {
      $or: [
        { [member]: mongoose.trusted({ $ne: null }) },
        { [member]: null, _id: mongoose.trusted({ $gt: id }) },
      ],
    };
  return {
    // Says nothing that the rest does not, but tells the index where to begin.
    [member]: mongoose.trusted({ $gte: at }),
    $or: [
      { [member]: mongoose.trusted({ $gt: at }) },
      { [member]: at, _id: mongoose.trusted({ $gt: id }) },
    ],
  };
}

/**
 * Accounts that hold a text somewhere in label, external id or id. No index serves that: the walk along the order's
 * index looks at each account and stops when the page is full, so a rare text costs one pass over the organisation's.
 */
export function holding(text: string): QueryFilter<AccountDocument> {
  const pattern = mongoose.trusted({
    $regex: text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'),
    $options: 'i',
  });
  return { $or: [{ label: pattern }, { external_id: pattern }, { _id: pattern }] };
}
