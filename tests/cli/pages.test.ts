/** Pages of results within a range of time, and options that name times. */
import { Options } from '../../src/cli/command';
import { type Page, pages, rangeOf } from '../../src/cli/pages';

const HOUR = 3600_000;
const now = Date.parse('2026-11-30T12:00:00Z');
const range = (values: Record<string, string>) => rangeOf(new Options(values), now);

it.each([
  ['2h', now - 2 * HOUR],
  ['3d', now - 72 * HOUR],
  ['2026-11-22', Date.parse('2026-11-22T00:00:00Z')],
  ['2026-11-22T18:30', Date.parse('2026-11-22T18:30:00Z')],
  ['2026-11-22 18:30:05Z', Date.parse('2026-11-22T18:30:05Z')],
  ['2026-11-22T18:30:00+02:00', Date.parse('2026-11-22T16:30:00Z')],
])('--since %s is read', (since, moment) => {
  expect(range({ since })).toEqual({ since: moment, until: undefined });
});

it.each(['yesterday', '2026-13-01', '2026-11-22T25:00', '5', ''])(
  '--since %j is refused',
  (since) => {
    expect(() => range({ since })).toThrow('--since must be a duration');
  },
);

it('a range that ends before it begins is refused', () => {
  expect(() => range({ since: '1h', until: '2h' })).toThrow('--since must be before --until');
});

/** 25 items, one per hour, newest first, in pages of the requested size. */
async function ask({ limit, cursor }: { limit: number; cursor: string | undefined }) {
  const start = Number(cursor ?? 0);
  const items = Array.from({ length: 25 }, (_, at) => ({
    number: at,
    at: new Date(now - at * HOUR).toISOString(),
  })).slice(start, start + limit);
  const next = start + limit < 25 ? String(start + limit) : null;
  return { items, next_cursor: next } satisfies Page<unknown>;
}
const at = (item: { at: string }) => item.at;
const numbers = ({ items }: Page<{ number: number }>) => items.map(({ number }) => number);

it('reads no page after the beginning of the range', async () => {
  const asked = jest.fn(ask);
  const found = await pages(asked, { limit: 100, pageMax: 4, at, range: range({ since: '5h' }) });
  expect(numbers(found)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(found).toMatchObject({ hasMore: false, next_cursor: null });
  expect(asked).toHaveBeenCalledTimes(2);
});

it('stops at the limit and says that there is more', async () => {
  const limited = await pages(ask, { limit: 3, pageMax: 10, at, range: range({ since: '5h' }) });
  expect(numbers(limited)).toEqual([0, 1, 2]);
  expect(limited).toMatchObject({ hasMore: true, next_cursor: '3' });
  const filtered = await pages(ask, { limit: 3, pageMax: 10, at, range: range({ until: '5h' }) });
  expect(numbers(filtered)).toEqual([6, 7, 8]);
  expect(filtered).toMatchObject({ hasMore: true, next_cursor: null });
});

it('filters across pages', async () => {
  const keep = ({ number }: { number: number }) => number % 10 === 0;
  const found = await pages(ask, { limit: 10, pageMax: 4, keep });
  expect(numbers(found)).toEqual([0, 10, 20]);
  expect(found.hasMore).toBe(false);
});
