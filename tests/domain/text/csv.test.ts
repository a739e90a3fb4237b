/** Lines of CSV. */
import { csvLine } from '../../../src/domain/text/csv';

it('quotes separators, quotes and line breaks, and leaves out unknown values', () => {
  expect(csvLine(['a,b', 'c"d', 'e\nf', null, 7])).toBe('"a,b","c""d","e\nf",,7\r\n');
});

it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1'])('makes the formula %j a text', (formula) => {
  expect(csvLine([formula])).toBe(`'${formula}\r\n`);
});
