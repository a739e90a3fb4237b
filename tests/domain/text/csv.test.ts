import { parse } from 'csv-parse/sync';
import { csvLine } from '../../../src/domain/text/csv';

describe('csvLine', () => {
  it('quotes commas, quotes and line breaks, so that a reader gets the same cells', () => {
    const cells = ['Books, "used"', 'a\r\nb', '', 'Übersicht'];
    expect(parse(csvLine(cells))).toEqual([cells]);
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1'])(
    'begins the cell %j with an apostrophe, so that a spreadsheet shows it as text',
    (cell) => {
      expect(parse(csvLine([cell]))).toEqual([[`'${cell}`]]);
    },
  );

  it('leaves a cell empty for null', () => {
    expect(csvLine(['a', null, 'b'])).toBe('a,,b');
  });

  it('leaves a negative number a number', () => {
    expect(csvLine([-7])).toBe('-7');
  });
});
