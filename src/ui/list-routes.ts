/** The routes of a list: the page, its live fragment, and its export as CSV or JSON Lines. */
import { stream } from 'hono/streaming';
import { csvLine } from '../domain/text/csv';
import { visible } from '../domain/text/visible-text';
import type { UiDependencies } from './dependencies';
import type { UiContext } from './env';
import type { Column } from './parts/list';

/** Rows per page of a list, and per query of an export. */
export const LIST_PAGE = 50;
export const EXPORT_PAGE = 500;
/** Rows of an export. More would occupy a connection of the API for minutes. */
const EXPORT_MAX = 100_000;
const ROWS_LEFT_OUT =
  'An export has at most 100,000 rows, and more rows match. Export them by a narrower filter.';
/** The documents that a request counts for a list; beyond, the list says that there are more. */
export const COUNT_MAX = 2_000;

export interface Exported<Row> {
  /** The file's name without its ending. */
  name: string;
  /** Absent: the parameter `format` decides, and CSV is the default. */
  format?: 'csv' | 'jsonl';
  columns: readonly Column<Row>[];
  /** The row as the API shows it. */
  body: (row: Row) => unknown;
  /** One page, and the cursor of the next. */
  page: (cursor: string | undefined) => Promise<{ rows: readonly Row[]; next: string | null }>;
}

/** Streams all matching rows, page by page. */
export function exportList<Row>(
  c: UiContext,
  { logger }: Pick<UiDependencies, 'logger'>,
  { name, format, columns, body, page }: Exported<Row>,
): Response {
  const isCsv = (format ?? c.req.query('format')) !== 'jsonl';
  const valued = columns.flatMap(({ title, value }) => (value ? [{ title, value }] : []));
  const line = (row: Row) =>
    isCsv
      ? `${csvLine(valued.map(({ value }) => value(row)))}\r\n`
      : `${visible(JSON.stringify(body(row)))}\n`;
  c.header(
    'Content-Type',
    isCsv ? 'text/csv; charset=utf-8' : 'application/x-ndjson; charset=utf-8',
  );
  c.header('Content-Disposition', `attachment; filename="${name}.${isCsv ? 'csv' : 'jsonl'}"`);
  return stream(
    c,
    async (file) => {
      if (isCsv) await file.write(`${csvLine(valued.map(({ title }) => title))}\r\n`);
      let cursor: string | undefined;
      for (let count = 0; count < EXPORT_MAX && !file.aborted; ) {
        // oxlint-disable-next-line no-await-in-loop -- each page begins where the one before ended
        const { rows, next } = await page(cursor);
        // oxlint-disable-next-line no-await-in-loop -- the reader decides how fast pages are read
        await file.write(rows.map(line).join(''));
        count += rows.length;
        if (next === null) return;
        cursor = next;
      }
      // Rows are left out, and the status is sent already, so the last line says so.
      await file.write(
        isCsv
          ? `${csvLine([ROWS_LEFT_OUT])}\r\n`
          : `${JSON.stringify({ message: ROWS_LEFT_OUT })}\n`,
      );
    },
    async (error, file) => {
      // The status is sent already, so only a connection that is cut off shows that rows are missing.
      logger.error({ err: error }, 'an export failed');
      file.abort();
    },
  );
}

/** Keeps a count for a stream, so that not every update counts. */
export function countedSeldom<T>(count: () => Promise<T>): () => Promise<T> {
  let last: { at: number; result: Promise<T> } | null = null;
  return () => {
    if (last === null || Date.now() - last.at > COUNTED_EVERY_MS)
      last = { at: Date.now(), result: count() };
    return last.result;
  };
}

/** How often the stream of a list counts, in ms. */
const COUNTED_EVERY_MS = 15_000;
