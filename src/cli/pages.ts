/** Reads lists of the API page by page, up to a limit. */
import { noMatches, noneYet } from '../domain/text/messages';
import type { Option, Options } from './command';
import { UsageError } from './errors';
import type { Output } from './output';

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export const limitOption: Option = {
  type: 'string',
  value: 'number',
  help: 'maximum number of results (default: 100)',
};

export function limitOf(options: Options, otherwise = 100): number {
  const given = options.text('limit');
  const limit = given === undefined ? otherwise : Number(given);
  if (!Number.isInteger(limit) || limit < 1)
    throw new UsageError(`--limit must be a whole number of at least 1, not "${given}"`);
  return limit;
}

/** Requests pages until `limit` results or the last page. `pageMax` is the API's maximum page size. */
export async function pages<T>(
  { limit, pageMax }: { limit: number; pageMax: number },
  ask: (page: { limit: number; cursor: string | undefined }) => Promise<Page<T>>,
): Promise<Page<T>> {
  const all: Page<T> = { items: [], next_cursor: null };
  do {
    const page = await ask({
      limit: Math.min(limit - all.items.length, pageMax),
      cursor: all.next_cursor ?? undefined,
    });
    all.items.push(...page.items);
    all.next_cursor = page.next_cursor;
  } while (all.next_cursor !== null && all.items.length < limit);
  return all;
}

export function remarkMore(out: Output, page: Page<unknown>): void {
  if (page.next_cursor !== null)
    out.remark(
      `Showing the first ${page.items.length}. To show more, use --limit ${page.items.length * 10}.`,
    );
}

/** The text in place of an empty table. @param things plural, such as `accounts` */
export function emptyText(things: string, filters: Readonly<Record<string, unknown>>): string {
  const isFiltered = Object.values(filters).some((value) => value !== undefined);
  return isFiltered ? noMatches(things) : noneYet(things);
}
