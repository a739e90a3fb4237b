/** Prints results as a table for people, or as JSON, JSON Lines or CSV. Uses colours only if stdout is a terminal. */
import { styleText } from 'node:util';
import { csvLine } from '../domain/text/csv';
import { duration } from '../domain/text/time-text';
import { visible, visibleLines } from '../domain/text/visible-text';
import {
  type ColumnWidth,
  fittedWidths,
  fittingColumns,
  shortened,
  textWidth,
} from './table-layout';

export const FORMATS = ['table', 'json', 'csv', 'jsonl'] as const;
export type Format = (typeof FORMATS)[number];

type Colour = 'green' | 'yellow' | 'red' | 'gray' | 'bold';
export type Cell = string | number | null | undefined;

export interface Coloured {
  colour: Colour;
  text: string;
}
type Part = string | Coloured;

/** The columns of a list by their names, the most important first: a narrow terminal shortens the last one. */
export type Columns<T> = Readonly<Record<string, (item: T) => Cell>>;

/** Whether a table is shortened to the width of a terminal. */
type TableFit = 'terminal' | 'whole';

export type Pairs = [string, Cell][];

/** Escapes control characters, so that foreign text (labels, notes, provider messages) cannot control the terminal. */
export interface Output {
  /** Whether people read the result: lines and tables, not a format for programs. */
  readonly isForPeople: boolean;
  readonly format: Format;
  /**
   * Prints a list.
   * @param body the API's response, for JSON
   * @param empty printed in place of a table without rows
   * @param fit `whole` if a shortened text would be useless, such as a command to copy
   */
  list<T>(
    body: unknown,
    items: readonly T[],
    columns: Columns<T>,
    empty: string,
    fit?: TableFit,
  ): void;
  /** Prints one thing. @param body the API's response, for JSON */
  one(body: unknown, pairs: Pairs): void;
  /** Prints the result of an action; CSV has the members without parts. @param text for people */
  done(body: object, text: string): void;
  /** Prints items as they arrive. @param show prints one item for people */
  stream<T>(columns: Columns<T>, show: (item: T) => void): (item: T) => void;
  /** Prints the API's response for programs. */
  json(value: unknown): void;
  /** Prints one value of a stream on its own line. */
  jsonLine(value: unknown): void;
  line(...parts: Part[]): void;
  /** Prints columns as wide as their content, or narrower to fit a terminal. Prints `empty` without rows. */
  table(header: string[], rows: Cell[][], empty: string, fit?: TableFit): void;
  /** Prints names and values, one pair per line. */
  pairs(pairs: Pairs): void;
  /** Prints to stderr, for people, in every output format. */
  remark(text: string): void;
}

export function createOutput(
  stdout: NodeJS.WriteStream,
  stderr: NodeJS.WriteStream,
  format: Format,
): Output {
  const painted = (part: Part): string => {
    if (typeof part === 'string') return visibleLines(part);
    const text = visibleLines(part.text);
    return stdout.isTTY ? styleText(part.colour, text, { stream: stdout }) : text;
  };
  const line: Output['line'] = (...parts) =>
    void stdout.write(`${parts.map(painted).join('').trimEnd()}\n`);
  const remark: Output['remark'] = (text) => void stderr.write(`${visibleLines(text)}\n`);
  const json = (value: unknown) => line(JSON.stringify(value, null, 2));
  const jsonLine = (value: unknown) => line(JSON.stringify(value));
  const csv = (cells: readonly Cell[]) =>
    line(csvLine(cells.map((cell) => (cell === undefined || cell === null ? null : `${cell}`))));
  const csvOf = (body: object) => {
    const members = Object.entries(body).filter(([, value]) => isSimple(value));
    csv(members.map(([name]) => name));
    csv(members.map(([, value]) => textOf(value)));
  };
  const table: Output['table'] = (header, rows, empty, fit = 'terminal') => {
    if (rows.length === 0) return line(empty);
    const available = stdout.isTTY && fit === 'terminal' ? stdout.columns : undefined;
    const columns = header.map((name, at): ColumnWidth => {
      const cells = rows.map((row) => row[at]);
      return {
        natural: longest([name, ...cells.map(shown)]),
        least: longest(cells.map((cell) => (isExact(cell) ? `${cell}` : ''))),
        content: cells.some((cell) => typeof cell === 'number')
          ? 'numbers'
          : cells.some((cell) => shown(cell) !== NOTHING)
            ? 'texts'
            : 'none',
      };
    });
    const places = fittingColumns(columns, available);
    const widths = fittedWidths(
      places.flatMap((at) => columns[at] ?? []),
      available,
    );
    for (const [index, cells] of [header, ...rows].entries()) {
      const row = places.map((at) => shown(cells[at]));
      const parts = row.flatMap((text, at): Part[] => {
        const width = widths[at] ?? 0;
        const cell = shortened(text, width);
        return [
          index === 0 ? coloured('bold', cell) : inItsColour(cell),
          ' '.repeat(width - textWidth(cell)),
          ...(at < row.length - 1 ? ['  '] : []),
        ];
      });
      line(...parts);
    }
    const missing = header.filter((_name, at) => !places.includes(at));
    if (missing.length > 0)
      remark(
        `Not shown, because the terminal is too narrow: ${missing.join(', ')}. Use --output csv for all columns.`,
      );
  };
  const pairs = (all: Pairs) => {
    const width = longest(all.map(([name]) => name));
    for (const [name, value] of all)
      line(coloured('gray', name.padEnd(width)), '  ', inItsColour(shown(value)));
  };
  return {
    format,
    isForPeople: format === 'table',
    list(body, items, columns, empty, fit) {
      const names = Object.keys(columns);
      const rows = items.map((item) => Object.values(columns).map((cellOf) => cellOf(item)));
      switch (format) {
        case 'table':
          return table(names, rows, empty, fit);
        case 'csv':
          return [names.map(member), ...rows].forEach(csv);
        case 'json':
          return json(body);
        case 'jsonl':
          return items.forEach(jsonLine);
      }
    },
    one(body, all) {
      switch (format) {
        case 'table':
          return pairs(all);
        case 'csv':
          csv(all.map(([name]) => member(name)));
          return csv(all.map(([, value]) => value));
        case 'json':
          return json(body);
        case 'jsonl':
          return jsonLine(body);
      }
    },
    done(body, text) {
      switch (format) {
        case 'table':
          return line(text);
        case 'csv':
          return csvOf(body);
        case 'json':
          return json(body);
        case 'jsonl':
          return jsonLine(body);
      }
    },
    stream(columns, show) {
      if (format === 'table') return show;
      if (format !== 'csv') return jsonLine;
      csv(Object.keys(columns).map(member));
      return (item) => csv(Object.values(columns).map((cellOf) => cellOf(item)));
    },
    json,
    jsonLine,
    line,
    table,
    pairs,
    remark,
  };
}

function longest(texts: readonly string[]): number {
  return texts.reduce((most, text) => Math.max(most, textWidth(text)), 0);
}

function isSimple(value: unknown): boolean {
  return Array.isArray(value) ? value.every(isSimple) : value === null || typeof value !== 'object';
}

function textOf(value: unknown): Cell {
  if (Array.isArray(value)) return value.map(textOf).join(' ');
  if (value === null || value === undefined) return null;
  return typeof value === 'string' || typeof value === 'number' ? value : JSON.stringify(value);
}

/** The name of a column in CSV: `token expires` becomes `token_expires`. */
function member(name: string): string {
  return name.replaceAll(' ', '_');
}

export function coloured(colour: Colour, text: string): Coloured {
  return { colour, text };
}
/** A cell without a value. */
const NOTHING = '–';

/** Without its last digits, a number or a time would be another one. */
function isExact(cell: Cell): boolean {
  return typeof cell === 'number' || /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}Z$/.test(cell ?? '');
}

const COLOURS: Readonly<Record<string, Colour>> = {
  ok: 'green',
  refreshed: 'green',
  completed: 'green',
  token_refreshed: 'green',
  token_validated: 'green',
  valid: 'green',
  expiring_soon: 'yellow',
  paused: 'yellow',
  running: 'yellow',
  expired: 'red',
  needs_reconnect: 'red',
  failed: 'red',
  token_refresh_failed: 'red',
  token_refresh_error: 'red',
  token_invalid: 'red',
  invalid: 'red',
  inactive: 'red',
  disabled: 'gray',
  disconnected: 'gray',
  [NOTHING]: 'gray',
};

function inItsColour(text: string): Part {
  const colour = COLOURS[text];
  return colour === undefined ? text : { colour, text };
}

function shown(value: Cell): string {
  return value === null || value === undefined || value === '' ? NOTHING : visible(String(value));
}

/** Formats a time as `2026-11-22 18:30:05Z`, in UTC as the API returns it. */
export function time(iso: string | null | undefined): string | null {
  return iso ? `${iso.slice(0, 19).replace('T', ' ')}Z` : null;
}

/** Formats a duration as `1.2 s` or `1 h 59 min`. */
export function lasting(ms: number | null): string | null {
  return ms === null ? null : duration(ms);
}
