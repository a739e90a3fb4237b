/** Sort orders of account lists, paging within them, and text search. */
import mongoose, { type QueryFilter } from 'mongoose';
import type { AccountBounds } from '../../domain/access/account-bounds';
import type { Account } from '../../domain/account/account';
import type { AccountDocument } from './account-model';

export const ACCOUNT_SORTS = ['id', 'expires_at', 'refresh_token_expires_at', 'label'] as const;
export type AccountSort = (typeof ACCOUNT_SORTS)[number];

/** An account's position in a sort order; `value` is `null` when sorting by id, or if the account has no such value. */
export interface AccountPlace {
  value: string | null;
  id: string;
}

/** The sort members before the id; each has an index. */
export const ORDER = {
  id: {},
  expires_at: { 'current.expires_at': 1 },
  refresh_token_expires_at: { 'current.refresh_token_expires_at': 1 },
  label: { label: 1 },
} as const satisfies Record<AccountSort, object>;

export function placeOf(sort: AccountSort, account: Account): AccountPlace {
  const { id, label, current } = account;
  const values = {
    id: null,
    expires_at: current.expiresAt,
    refresh_token_expires_at: current.refreshTokenExpiresAt,
    label,
  };
  return { value: values[sort], id };
}

/** Whether a cursor, which comes from the client, can be a place in this order. */
export function isPlace(sort: AccountSort, { value }: AccountPlace): boolean {
  if (sort === 'id') return value === null;
  if (sort === 'label') return value !== null;
  return value === null || !Number.isNaN(Date.parse(value));
}

/** Filters for the accounts after a place. Tokens without expiry come first, as MongoDB sorts `null`. */
function afterPlace(sort: AccountSort, { value, id }: AccountPlace): QueryFilter<AccountDocument> {
  if (sort === 'id') return { _id: mongoose.trusted({ $gt: id }) };
  const [member = '_id'] = Object.keys(ORDER[sort]);
  const at = sort !== 'label' && value !== null ? new Date(value) : value;
  if (at === null)
    return {
      $or: [
        { [member]: mongoose.trusted({ $ne: null }) },
        { [member]: null, _id: mongoose.trusted({ $gt: id }) },
      ],
    };
  return {
    // Redundant, but it gives the index scan its lower bound.
    [member]: mongoose.trusted({ $gte: at }),
    $or: [
      { [member]: mongoose.trusted({ $gt: at }) },
      { [member]: at, _id: mongoose.trusted({ $gt: id }) },
    ],
  };
}

/** The accounts for which `isWithin` of account-bounds.ts is true. */
export function withinBounds({
  providers,
  kinds,
  accounts,
}: AccountBounds): QueryFilter<AccountDocument>[] {
  return [
    ...(providers === null ? [] : [{ provider: mongoose.trusted({ $in: [...providers] }) }]),
    ...(kinds === null ? [] : [{ kind: mongoose.trusted({ $in: [...kinds] }) }]),
    ...(accounts === null ? [] : [{ _id: mongoose.trusted({ $in: [...accounts] }) }]),
  ];
}

/**
 * The parts of an order, each read along its index. Accounts whose refresh token is not known to expire come last, by id:
 * an index would return them first, as `null`.
 * @param after the place of the previous page's last account
 */
export function partsOf(
  sort: AccountSort,
  after: AccountPlace | undefined,
): QueryFilter<AccountDocument>[] {
  if (sort !== 'refresh_token_expires_at')
    return [after === undefined ? {} : afterPlace(sort, after)];
  const member = 'current.refresh_token_expires_at';
  const unknown = (place: QueryFilter<AccountDocument>) => ({ [member]: null, ...place });
  if (after?.value === null) return [unknown({ _id: mongoose.trusted({ $gt: after.id }) })];
  const known =
    after === undefined
      ? { [member]: mongoose.trusted({ $gt: new Date(0) }) }
      : afterPlace(sort, after);
  return [known, unknown({})];
}

/** From `from`, to before `to`. */
export interface TimeRange {
  from?: Date | undefined;
  to?: Date | undefined;
}

export function within(member: string, { from, to }: TimeRange): QueryFilter<AccountDocument> {
  return {
    [member]: mongoose.trusted({
      ...(from === undefined ? {} : { $gte: from }),
      ...(to === undefined ? {} : { $lt: to }),
    }),
  };
}

/**
 * Accounts with this text in label, external id or id. No index covers that: the query walks the index of the sort
 * order until the page is full, so a rare text costs one pass over the organisation's accounts.
 */
export function holding(text: string): QueryFilter<AccountDocument> {
  const pattern = mongoose.trusted({
    $regex: text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'),
    $options: 'i',
  });
  return { $or: [{ label: pattern }, { external_id: pattern }, { _id: pattern }] };
}
