/** Paging for lists that are newest first: cursors, and the shape of a page. */
import { z } from '@hono/zod-openapi';
import { decodeCursor } from '../domain/cursor';
import { ServiceError } from '../domain/service-error';
import { invalidCursor } from '../domain/text/messages';

/**
 * Decodes a cursor into a place.
 * @param name the parameter or header that contained the cursor
 * @throws {ServiceError} `invalid_request`
 */
export function placeOf(cursor: string, name = 'before'): { at: Date; id: string } {
  const [at = '', id = ''] = decodeCursor(cursor, 2) ?? [];
  if (Number.isNaN(Date.parse(at))) {
    throw new ServiceError(
      'invalid_request',
      invalidCursor(name, name === 'before' ? 'next_cursor' : 'the id of an event'),
    );
  }
  return { at: new Date(at), id };
}

/**
 * One page of a list.
 * @param found one row more than the page holds, if there are more
 * @param cursor encodes the place after a row
 */
export function pageOf<Row, Item>(
  found: readonly Row[],
  limit: number,
  body: (row: Row) => Item,
  cursor: (row: Row) => string,
): { items: Item[]; next_cursor: string | null } {
  const rows = found.slice(0, limit);
  const last = rows.at(-1);
  const more = found.length > limit && last !== undefined;
  return { items: rows.map(body), next_cursor: more ? cursor(last) : null };
}

/** The `limit` parameter of a list. */
export const pageLimit = (max: number, otherwise: number) =>
  z.coerce
    .number<number>()
    .int()
    .min(1)
    .max(max)
    .default(otherwise)
    .openapi({ description: 'The maximum number of items' });

/** The cursor parameter of a list. */
export const pageCursor = z
  .string()
  .min(1)
  .max(4096)
  .optional()
  .openapi({ description: 'next_cursor of the previous page' });

/** The response of a list with pages. */
export const pageOfItems = <Item extends z.ZodType>(item: Item) => ({
  description: 'One page',
  content: {
    'application/json': {
      schema: z.object({ items: z.array(item), next_cursor: z.string().nullable() }),
    },
  },
});

/** The response of a list that is bounded, and so always complete. */
export const allItems = <Item extends z.ZodType>(item: Item, description: string) => ({
  description,
  content: {
    'application/json': { schema: z.object({ items: z.array(item), next_cursor: z.null() }) },
  },
});
