/** Keyset pagination: a filter for the entries after a place, ordered by a time and then by id. */
import mongoose from 'mongoose';

/** `$gt` for an ascending order, `$lt` for a descending one. */
export function beyond(
  clock: string,
  operator: '$gt' | '$lt',
  place: { at: Date; id: string | null },
): { $or: object[] } {
  return {
    $or: [
      { [clock]: mongoose.trusted({ [operator]: place.at }) },
      { [clock]: place.at, _id: mongoose.trusted({ [operator]: place.id }) },
    ],
  };
}
