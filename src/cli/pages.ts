/** Reads lists of the API page by page, up to a limit and within a range of time. */
import { duration } from '../domain/text/duration';
import { noMatches, noneYet } from '../domain/text/messages';
import type { Option, Options } from './command';
import { UsageError } from './errors';
import type { Columns, Output } from './output';

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export const limitOption: Option = {
  type: 'string',
  value: 'number',
  help: 'maximum number of results (default: 100)',
};

/** The options of a list that is newest first. */
export const rangeOptions = {
  since: {
    type: 'string',
    value: 'time',
    help: 'only from this time on: 2h, 3d, 2026-11-22 or 2026-11-22T18:30:00Z',
  },
  until: { type: 'string', value: 'time', help: 'only before this time, in the same form' },
} as const satisfies Record<string, Option>;

/** The filters of a list by provider and environment, which may be repeated. */
export const providerFilters = {
  provider: { type: 'string', multiple: true, value: 'name', help: 'only this provider' },
  environment: { type: 'string', multiple: true, value: 'name', help: 'only this environment' },
} as const satisfies Record<string, Option>;

/** Help of the lists whose filters take several values. */
export const FILTERS_REPEAT =
  'Filters by a name, status, type or code may be repeated: the list then has items with any of the values.';

/** A range of time, in ms since 1970. */
export interface TimeRange {
  since: number | undefined;
  until: number | undefined;
}

export function limitOf(options: Options, otherwise = 100): number {
  const given = options.text('limit');
  const limit = given === undefined ? otherwise : Number(given);
  if (!Number.isInteger(limit) || limit < 1)
    throw new UsageError(`--limit must be a whole number of at least 1, not "${given}"`);
  return limit;
}

/** @throws {UsageError} if `--since` or `--until` is not a time, or the range is empty */
export function rangeOf(options: Options, now = Date.now()): TimeRange {
  const [since, until] = [timeOf(options, 'since', now), timeOf(options, 'until', now)];
  if (since !== undefined && until !== undefined && since >= until)
    throw new UsageError('--since must be before --until');
  return { since, until };
}

/** A date without a zone is UTC, as all times that the CLI prints. */
const MOMENT = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$/;

function timeOf(options: Options, name: string, now: number): number | undefined {
  const given = options.text(name);
  if (given === undefined) return undefined;
  const ago = duration.safeParse(given);
  if (ago.success) return now - ago.data;
  const hasZone = given.length === 10 || /(Z|[+-]\d{2}:\d{2})$/.test(given);
  const moment = MOMENT.test(given)
    ? Date.parse(hasZone ? given.replace(' ', 'T') : `${given.replace(' ', 'T')}Z`)
    : Number.NaN;
  if (Number.isNaN(moment))
    throw new UsageError(
      `--${name} must be a duration such as 2h or 3d, or a time such as 2026-11-22T18:30:00Z, not "${given}"`,
    );
  return moment;
}

/** Items per page of most lists of the API. */
const PAGE_MAX = 500;

interface Wanted<T> {
  limit: number;
  /** The API's maximum page size. Default: that of most lists. */
  pageMax?: number;
  /** Only with `range`: the list must be newest first. */
  at?: (item: T) => string;
  range?: TimeRange;
  /** Filters that the API does not have. */
  keep?: ((item: T) => boolean) | undefined;
}

/** Results of one or more pages. */
export interface Results<T> extends Page<T> {
  hasMore: boolean;
}

/**
 * Requests pages until `limit` results, the last page, or the beginning of the range. If the CLI itself left out items
 * of a page, the API's cursor does not continue after the last result, so `next_cursor` is `null`.
 */
export async function pages<T>(
  ask: (page: { limit: number; cursor: string | undefined }) => Promise<Page<T>>,
  { limit, pageMax = PAGE_MAX, at, range, keep }: Wanted<T>,
): Promise<Results<T>> {
  const { since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY } = range ?? {};
  const momentOf = (item: T) => (at === undefined ? 0 : Date.parse(at(item)));
  const isFiltered = range?.until !== undefined || keep !== undefined;
  const items: T[] = [];
  let cursor: string | null = null;
  for (;;) {
    // A page may contain few results of the CLI's filters, so it is as large as possible.
    // oxlint-disable-next-line no-await-in-loop -- each page starts where the previous page ended
    const page: Page<T> = await ask({
      limit: isFiltered ? pageMax : Math.min(limit - items.length, pageMax),
      cursor: cursor ?? undefined,
    });
    const inRange = page.items.filter((item) => momentOf(item) >= since);
    const found = inRange.filter((item) => momentOf(item) < until && keep?.(item) !== false);
    const taken = found.slice(0, limit - items.length);
    items.push(...taken);
    cursor = inRange.length < page.items.length ? null : page.next_cursor;
    const hasMore = taken.length < found.length || cursor !== null;
    if (!hasMore || items.length === limit)
      return { items, next_cursor: isFiltered ? null : cursor, hasMore };
  }
}

/** Prints results, and that there are more of them than the limit. */
export function showResults<T>(
  out: Output,
  { items, next_cursor, hasMore }: Results<T>,
  columns: Columns<T>,
  empty: string,
): void {
  out.list({ items, next_cursor }, items, columns, empty);
  if (hasMore && out.format !== 'json')
    out.remark(
      `Showing the first ${items.length}. To show more, use --limit ${items.length * 10}.`,
    );
}

/** Keeps workflows of a range in a list that is not newest first. */
export function within({ since, until }: TimeRange) {
  if (since === undefined && until === undefined) return undefined;
  return ({ started_at: at }: { started_at: string }) =>
    Date.parse(at) >= (since ?? Number.NEGATIVE_INFINITY) &&
    Date.parse(at) < (until ?? Number.POSITIVE_INFINITY);
}

/** The text in place of an empty table. @param things plural, such as `accounts` */
export function emptyText(things: string, filters: Readonly<Record<string, unknown>>): string {
  const isFiltered = Object.values(filters).some((value) => value !== undefined);
  return isFiltered ? noMatches(things) : noneYet(things);
}
