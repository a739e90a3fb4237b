/** Keyset pagination: a filter for the entries after a place, ordered by a time and then by id. */
import mongoose from 'mongoose';

/**
 * `$gt` for an ascending order, `$lt` for a descending one. A caller that filters by `$or` or by the clock itself must
 * put the result into its `$and`.
 */
export function beyond(
  clock: string,
  operator: '$gt' | '$lt',
  place: { at: Date; id: string | null },
): Record<string, object> {
  return {
    // Redundant, but MongoDB derives no bounds from `$or`: without it, each page would read all pages before it.
    [clock]: mongoose.trusted({ [operator === '$gt' ? '$gte' : '$lte']: place.at }),
    $or: [
      { [clock]: mongoose.trusted({ [operator]: place.at }) },
      { [clock]: place.at, _id: mongoose.trusted({ [operator]: place.id }) },
    ],
  };
}
