/** One line of a CSV file (RFC 4180) that is safe to open in a spreadsheet. */

/** A spreadsheet runs a cell that begins with one of these characters as a formula. */
const FORMULA = /^[=+\-@\t\r]/;

/** A text that a spreadsheet could run begins with an apostrophe, which spreadsheets hide. `null` is an empty cell. */
export function csvLine(cells: readonly (string | null)[]): string {
  return cells.map((cell) => cellOf(cell ?? '')).join(',');
}

function cellOf(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n']/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
