/** Tables that fit a terminal: no line is wider, and the last columns are shortened first. */
import { PassThrough } from 'node:stream';
import { createOutput } from '../../src/cli/output';
import { fittedWidths, fittingColumns, shortened, textWidth } from '../../src/cli/table-layout';

/** The text on stderr. */
let remarks: string;

function printed(columns: number | undefined, isTTY: boolean): string[] {
  const errors = new PassThrough({ encoding: 'utf8' });
  const stream = Object.assign(new PassThrough({ encoding: 'utf8' }), {
    isTTY,
    columns,
    getColorDepth: () => 1,
  });
  const stdout = stream as unknown as NodeJS.WriteStream;
  createOutput(stdout, errors as unknown as NodeJS.WriteStream, 'table').table(
    ['id', 'accounts', 'label', 'last error'],
    [
      ['acc_4b6f0c2d9e8a7b6c5d4e3f2a', 1234567, '港の本屋さん', 'invalid_grant and more words'],
      ['acc_1', 5, 'Harbour Books', null],
    ],
    'none',
  );
  remarks = String(errors.read() ?? '');
  return (
    String(stream.read())
      // oxlint-disable-next-line no-control-regex -- colours
      .replaceAll(/\u001b\[\d+m/g, '')
      .trimEnd()
      .split('\n')
  );
}

it.each([120, 80, 70, 60, 50])('no line is wider than %i cells', (columns) => {
  for (const line of printed(columns, true)) expect(textWidth(line)).toBeLessThanOrEqual(columns);
});

it('the last column is shortened first, and the first one stays whole', () => {
  const [, line = ''] = printed(70, true);
  expect(line).toBe('acc_4b6f0c2d9e8a7b6c5d4e3f2a  1234567   港の本屋さん   invalid_grant …');
});

it('a column without room is left out and named, and the first one stays whole', () => {
  expect(printed(50, true)).toEqual([
    'id                            accounts  label',
    'acc_4b6f0c2d9e8a7b6c5d4e3f2a  1234567   港の本屋…',
    'acc_1                         5         Harbour B…',
  ]);
  expect(remarks).toMatch(/^Not shown, because the terminal is too narrow: last error\./);
  printed(70, true);
  expect(remarks).toBe('');
});

it('a column without values is left out first', () => {
  const texts = { natural: 20, least: 0, content: 'texts' } as const;
  const none = { natural: 11, least: 0, content: 'none' } as const;
  expect(fittingColumns([texts, none, texts], 51)).toEqual([0, 1, 2]);
  expect(fittingColumns([texts, none, texts], 36)).toEqual([0, 2]);
});

it('a number is never shortened', () => {
  for (const columns of [50, 40, 20])
    expect(printed(columns, true).some((line) => line.includes('1234567'))).toBe(true);
});

it.each([
  ['a pipe', undefined, false],
  ['a terminal of unknown width', 0, true],
])('%s gets whole texts', (_output, columns, isTTY) => {
  expect(printed(columns, isTTY)[1]).toMatch(/invalid_grant and more words$/);
});

it('widths reach the least width only if the others do not suffice', () => {
  const columns = [
    { natural: 10, least: 0 },
    { natural: 30, least: 0 },
    { natural: 30, least: 12 },
  ];
  expect(fittedWidths(columns, 80)).toEqual([10, 30, 30]);
  expect(fittedWidths(columns, 60)).toEqual([10, 30, 16]);
  expect(fittedWidths(columns, 40)).toEqual([10, 14, 12]);
  expect(fittedWidths(columns, 20)).toEqual([3, 1, 12]);
});

it('a shortened text keeps whole characters', () => {
  expect(shortened('港の本屋さん', 6)).toBe('港の…');
  expect(shortened('👩‍👩‍👧‍👦👩‍👩‍👧‍👦', 3)).toBe('👩‍👩‍👧‍👦…');
  expect(shortened('abc', 3)).toBe('abc');
});
