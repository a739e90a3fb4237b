/** Widths of text on a terminal, and of the columns of a table that must fit it. */
import stringWidth from 'string-width';

/** Spaces between two columns. */
const GAP = 2;
/** Cells to which columns are shortened before any column becomes narrower. */
const READABLE = 8;

const characters = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Cells of a terminal that a text fills: two for each wide character. */
export function textWidth(text: string): number {
  return stringWidth(text);
}

export interface ColumnWidth {
  /** Width of the longest text. */
  natural: number;
  /** A narrower column would be useless. */
  least: number;
  /** A column of numbers is always shown, and one without values only if there is room. */
  content: 'numbers' | 'texts' | 'none';
}

/**
 * Chooses the columns that a terminal has room for, the first ones before the others. The first column stays whole,
 * because other commands find the row by it.
 * @returns the places of the columns; all of them if the terminal is too narrow for any choice
 */
export function fittingColumns(columns: readonly ColumnWidth[], available?: number): number[] {
  const all = [...columns.keys()];
  if (available === undefined || available === 0) return all;
  const fit = (places: readonly number[]) => {
    const widths = places.map((at) => {
      const { natural = 0, least = 0 } = columns[at] ?? {};
      return at === 0 ? natural : Math.min(natural, Math.max(READABLE, least));
    });
    return widths.reduce((sum, width) => sum + width, GAP * (widths.length - 1)) <= available;
  };
  if (fit(all)) return all;
  const isKept = (at: number) => at === 0 || columns[at]?.content === 'numbers';
  const shown = all.filter(isKept);
  if (!fit(shown)) return all;
  for (const at of all)
    if (!isKept(at) && columns[at]?.content === 'texts' && fit([...shown, at])) shown.push(at);
  return shown.toSorted((a, b) => a - b);
}

/**
 * Narrows the last columns, which are the least important ones, until all fit. First no column becomes narrower than
 * {@link READABLE}, and then as narrow as its least width.
 * @param available cells of the terminal; `undefined`: the output is not a terminal
 */
export function fittedWidths(
  columns: readonly Pick<ColumnWidth, 'natural' | 'least'>[],
  available?: number,
): number[] {
  const widths = columns.map(({ natural }) => natural);
  if (available === undefined || available === 0) return widths;
  const total = () => widths.reduce((sum, width) => sum + width, GAP * (widths.length - 1));
  for (const floor of [READABLE, 1])
    for (const [at, { natural, least }] of [...columns.entries()].toReversed()) {
      const excess = total() - available;
      if (excess <= 0) return widths;
      const width = widths[at] ?? natural;
      widths[at] = Math.min(width, Math.max(width - excess, floor, least));
    }
  return widths;
}

/** Ends a text that is wider than `width` with `…`. */
export function shortened(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let kept = '';
  let cells = 1;
  for (const { segment } of characters.segment(text)) {
    cells += textWidth(segment);
    if (cells > width) break;
    kept += segment;
  }
  return `${kept}…`;
}
