/** What a command prints: tables and lines for people, or JSON. Colours only where stdout is a terminal. */
import { styleText } from 'node:util';
import { printable } from '../domain/masking';

type Colour = 'green' | 'yellow' | 'red' | 'gray' | 'bold';
export type Cell = string | number | null | undefined;

export interface Output {
  /** The API's own answer, for programs. */
  json(value: unknown): void;
  /** One value of a stream, on a line of its own. */
  jsonLine(value: unknown): void;
  line(text?: string): void;
  /** Columns as wide as what is in them; `empty` is said where there is no row. */
  table(header: string[], rows: Cell[][], empty: string): void;
  /** Names and values, one pair a line. */
  pairs(pairs: [string, Cell][]): void;
  /** To stderr: for people, whatever the format. */
  remark(text: string): void;
  colour(colour: Colour, text: string): string;
}

export function createOutput(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream): Output {
  const colour = (name: Colour, text: string) =>
    stdout.isTTY ? styleText(name, text, { stream: stdout }) : text;
  const line = (text = '') => void stdout.write(`${text.trimEnd()}\n`);
  const table: Output['table'] = (header, rows, empty) => {
    if (rows.length === 0) return line(empty);
    const cells = [header, ...rows.map((row) => row.map(shown))];
    const widths = header.map((_, at) => Math.max(...cells.map((row) => width(row[at] ?? ''))));
    for (const [index, row] of cells.entries()) {
      const padded = row.map((text, at) => {
        const styled = index === 0 ? colour('bold', text) : colourOf(text, colour);
        return styled + ' '.repeat((widths[at] ?? 0) - width(text));
      });
      line(padded.join('  '));
    }
  };
  return {
    json: (value) => line(JSON.stringify(value, null, 2)),
    jsonLine: (value) => line(JSON.stringify(value)),
    line,
    table,
    pairs(pairs) {
      const longest = Math.max(...pairs.map(([name]) => width(name)));
      for (const [name, value] of pairs)
        line(`${colour('gray', name.padEnd(longest))}  ${colourOf(shown(value), colour)}`);
    },
    remark: (text) => void stderr.write(`${text}\n`),
    colour,
  };
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
  '–': 'gray',
};

function colourOf(text: string, colour: Output['colour']): string {
  const name = COLOURS[text];
  return name === undefined ? text : colour(name, text);
}

/** Labels and notes are other people's words: nothing in them may steer a terminal. */
function shown(value: Cell): string {
  return value === null || value === undefined || value === '' ? '–' : printable(String(value));
}

function width(text: string): number {
  return Array.from(text).length;
}

/** `2026-11-22 18:30:05Z`: UTC, as the API has it. */
export function time(iso: string | null | undefined): string | null {
  return iso ? `${iso.slice(0, 19).replace('T', ' ')}Z` : null;
}

/** `1.2 s`, `3 min`, `2 h`. */
export function lasting(ms: number | null | undefined): string | null {
  if (ms === null || ms === undefined) return null;
  if (ms < 60_000) return `${Math.round(ms / 100) / 10} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 6_000) / 10} min`;
  return `${Math.round(ms / 360_000) / 10} h`;
}
