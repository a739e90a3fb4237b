/**
 * How far one search for a text goes. No index covers a text inside a value, so a search reads stretch after stretch of a
 * list, and ends a page early rather than read all of it.
 */

/** Documents of a stretch. One query examines no more of them for a text. */
export const STRETCH = 5_000;

/** Time after which a page of a search begins no further stretch, in milliseconds. */
export const SEARCH_MS = 500;

/** The result of one page of a list. */
export interface Found<Row, Place> {
  rows: Row[];
  /** The place up to which a search read the list, if it ended before the list and the limit; otherwise `null`. */
  searchedTo: Place | null;
}

interface Stretches<Row, Place> {
  /** The place after which the first stretch begins; `undefined`: the list begins there. */
  after: Place | undefined;
  limit: number;
  /** The time, as `performance.now()` has it, from which on no further stretch begins. */
  until: number;
  /** The last place of the stretch after a place; `undefined`: the list ends before, or this is no search. */
  endOf(after: Place | undefined): Promise<Place | undefined>;
  rowsOf(range: {
    after: Place | undefined;
    upTo: Place | undefined;
    limit: number;
  }): Promise<Row[]>;
}

/** Reads stretch after stretch until the limit, the end of the list or `until`. */
export async function readStretches<Row, Place>(
  wanted: Stretches<Row, Place>,
): Promise<Found<Row, Place>> {
  const rows: Row[] = [];
  let { after } = wanted;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- each stretch begins where the one before it ends
    const upTo = await wanted.endOf(after);
    // oxlint-disable-next-line no-await-in-loop
    rows.push(...(await wanted.rowsOf({ after, upTo, limit: wanted.limit - rows.length })));
    if (rows.length >= wanted.limit || upTo === undefined) return { rows, searchedTo: null };
    if (performance.now() >= wanted.until) return { rows, searchedTo: upTo };
    after = upTo;
  }
}
