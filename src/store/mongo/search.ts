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
