/** One line of a CSV file (RFC 4180) that is safe to open in a spreadsheet. */

/** A spreadsheet runs a cell that begins with one of these characters as a formula. */
const FORMULA = /^[=+\-@\t\r]/;

/** A text that a spreadsheet could run begins with an apostrophe, which spreadsheets hide. `null` is an empty cell. */
export function csvLine(cells: readonly (string | number | null)[]): string {
  return cells.map(cellOf).join(',');
}

function cellOf(value: string | number | null): string {
  if (typeof value === 'number') return String(value);
  const text = value ?? '';
  const safe = FORMULA.test(text) ? `'${text}` : text;
  // Some spreadsheets separate cells by semicolons or tabs.
  return /[",;\t\r\n']/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
