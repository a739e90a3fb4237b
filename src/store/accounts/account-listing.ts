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

/** The earliest time that a `Date` can have. */
const EARLIEST = new Date(-8.64e15);

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

/** A part of an order that is read along its index. */
export interface OrderPart {
  /** The member that its accounts are sorted by before the id. */
  member?: 'label' | 'current.expires_at' | 'current.refresh_token_expires_at';
  /** Whether the accounts of the part have a value of the member. Absent: some may have none, and come first. */
  isSet?: boolean;
}

const partsOf = (member: NonNullable<OrderPart['member']>) =>
  [
    { member, isSet: false },
    { member, isSet: true },
  ] as const;

/** Tokens that never expire come first, but a refresh token without a time has only an unknown one, and comes last. */
const PARTS: Readonly<Record<AccountSort, readonly OrderPart[]>> = {
  id: [{}],
  label: [{ member: 'label' }],
  expires_at: [{ member: 'current.expires_at' }],
  refresh_token_expires_at: partsOf('current.refresh_token_expires_at').toReversed(),
};

/** A stretch has a range of one part as its end. Without a search, a range would keep MongoDB from a filter's own index. */
const SEARCHED_PARTS = { ...PARTS, expires_at: partsOf('current.expires_at') };

/** The parts of an order from a place on. */
export function partsFrom(
  sort: AccountSort,
  after: AccountPlace | undefined,
  isSearch: boolean,
): readonly OrderPart[] {
  const parts = (isSearch ? SEARCHED_PARTS : PARTS)[sort];
  if (after === undefined || parts.length === 1) return parts;
  return parts.slice(parts.findIndex(({ isSet }) => isSet === (after.value !== null)));
}

/** The place of an account of a part, from the members that the part is sorted by. */
export function storedPlaceOf(
  { member, isSet }: OrderPart,
  { _id: id, label, current }: AccountDocument,
): AccountPlace {
  if (member === undefined || isSet === false) return { value: null, id };
  if (member === 'label') return { value: label, id };
  const at =
    member === 'current.expires_at' ? current.expires_at : current.refresh_token_expires_at;
  return { value: at?.toISOString() ?? null, id };
}

/** The accounts of a part after a place of it, up to and with another. */
export function between(
  { member, isSet }: OrderPart,
  { after, upTo }: { after: AccountPlace | undefined; upTo: AccountPlace | undefined },
): QueryFilter<AccountDocument> {
  if (member === undefined || isSet === false)
    return {
      ...(member === undefined ? {} : { [member]: null }),
      ...bounds('_id', after && { $gt: after.id }, upTo && { $lte: upTo.id }),
    };
  if (after?.value === null)
    return {
      $or: [
        { [member]: mongoose.trusted({ $ne: null }) },
        { [member]: null, _id: mongoose.trusted({ $gt: after.id }) },
      ],
    };
  const valueOf = ({ value }: AccountPlace) =>
    member === 'label' || value === null ? value : new Date(value);
  const beyond = (operator: '$gt' | '$lt', place: AccountPlace) => ({
    $or: [
      { [member]: mongoose.trusted({ [operator]: valueOf(place) }) },
      {
        [member]: valueOf(place),
        _id: mongoose.trusted({ [operator === '$gt' ? '$gt' : '$lte']: place.id }),
      },
    ],
  });
  const and = [
    ...(after === undefined ? [] : [beyond('$gt', after)]),
    ...(upTo === undefined ? [] : [beyond('$lt', upTo)]),
  ];
  const first = isSet === true ? { $gte: EARLIEST } : undefined;
  return {
    // These repeat the `$or`s, from which MongoDB derives no bounds of the index scan.
    ...bounds(
      member,
      after === undefined ? first : { $gte: valueOf(after) },
      upTo && { $lte: valueOf(upTo) },
    ),
    ...(and.length === 0 ? {} : { $and: and }),
  };
}

function bounds(
  member: string,
  least: object | undefined,
  most: object | undefined,
): QueryFilter<AccountDocument> {
  return least === undefined && most === undefined
    ? {}
    : { [member]: mongoose.trusted({ ...least, ...most }) };
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

/** Accounts with this text in label, external id or id. No index covers that, so a search reads stretch after stretch. */
export function holding(text: string): QueryFilter<AccountDocument> {
  const pattern = mongoose.trusted({
    $regex: text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'),
    $options: 'i',
  });
  return { $or: [{ label: pattern }, { external_id: pattern }, { _id: pattern }] };
}
