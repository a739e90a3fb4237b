/** The export of a list: a stream of pages, with an end that says whether it is complete. */
import { Hono } from 'hono';
import type { UiEnv } from '../../src/ui/env';
import { EXPORT_PAGE, exportList } from '../../src/ui/list-routes';

const ROWS_MAX = 100_000;
const logger = { error: () => undefined } as never;

/** The lines of an export of so many rows. */
async function exported(rows: number, format: 'csv' | 'jsonl'): Promise<string[]> {
  const app = new Hono<UiEnv>();
  app.get('/', (c) =>
    exportList<number>(
      c,
      { logger },
      {
        name: 'numbers',
        format,
        columns: [{ id: 'number', title: 'Number', value: (row) => row, cell: String }],
        body: (row) => ({ number: row }),
        page: async (cursor = '0') => {
          const first = Number(cursor);
          const count = Math.min(EXPORT_PAGE, rows - first);
          const next = first + count < rows ? String(first + count) : null;
          return { rows: Array.from({ length: count }, (_, n) => first + n), next };
        },
      },
    ),
  );
  const text = await (await app.request('/')).text();
  return text.trim().split(/\r?\n/);
}

it('an export has all rows if they are not too many', async () => {
  expect(await exported(1_200, 'csv')).toHaveLength(1 + 1_200);
  expect((await exported(ROWS_MAX, 'jsonl')).at(-1)).toBe(`{"number":${ROWS_MAX - 1}}`);
});

it.each(['csv', 'jsonl'] as const)(
  'an export as %s that leaves out rows says so in its last line',
  async (format) => {
    const lines = await exported(ROWS_MAX + 1, format);
    expect(lines).toHaveLength(ROWS_MAX + (format === 'csv' ? 2 : 1));
    expect(lines.at(-1)).toContain('Export them by a narrower filter.');
  },
);
