/** Prints tables and lines for people, or JSON. Uses colours only if stdout is a terminal. */
import { styleText } from 'node:util';
import { duration } from '../domain/text/time-text';
import { visible, visibleLines } from '../domain/text/visible-text';

type Colour = 'green' | 'yellow' | 'red' | 'gray' | 'bold';
export type Cell = string | number | null | undefined;

export interface Coloured {
  colour: Colour;
  text: string;
}
type Part = string | Coloured;

/** Escapes control characters, so that foreign text (labels, notes, provider messages) cannot control the terminal. */
export interface Output {
  /** Prints the API's response for programs. */
  json(value: unknown): void;
  /** Prints one value of a stream on its own line. */
  jsonLine(value: unknown): void;
  line(...parts: Part[]): void;
  /** Prints columns as wide as their content. Prints `empty` without rows. */
  table(header: string[], rows: Cell[][], empty: string): void;
  /** Prints names and values, one pair per line. */
  pairs(pairs: [string, Cell][]): void;
  /** Prints to stderr, for people, in every output format. */
  remark(text: string): void;
}

export function createOutput(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream): Output {
  const painted = (part: Part): string => {
    if (typeof part === 'string') return visibleLines(part);
    const text = visibleLines(part.text);
    return stdout.isTTY ? styleText(part.colour, text, { stream: stdout }) : text;
  };
  const line: Output['line'] = (...parts) =>
    void stdout.write(`${parts.map(painted).join('').trimEnd()}\n`);
  const table: Output['table'] = (header, rows, empty) => {
    if (rows.length === 0) return line(empty);
    const cells = [header, ...rows.map((row) => row.map(shown))];
    const widths = header.map((_, at) => Math.max(...cells.map((row) => width(row[at] ?? ''))));
    for (const [index, row] of cells.entries()) {
      const parts = row.flatMap((text, at): Part[] => [
        index === 0 ? coloured('bold', text) : inItsColour(text),
        ' '.repeat((widths[at] ?? 0) - width(text)),
        ...(at < row.length - 1 ? ['  '] : []),
      ]);
      line(...parts);
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
        line(coloured('gray', name.padEnd(longest)), '  ', inItsColour(shown(value)));
    },
    remark: (text) => void stderr.write(`${visibleLines(text)}\n`),
  };
}

export function coloured(colour: Colour, text: string): Coloured {
  return { colour, text };
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
  '–': 'gray',
};

function inItsColour(text: string): Part {
  const colour = COLOURS[text];
  return colour === undefined ? text : { colour, text };
}

function shown(value: Cell): string {
  return value === null || value === undefined || value === '' ? '–' : visible(String(value));
}

function width(text: string): number {
  return Array.from(text).length;
}

/** Formats a time as `2026-11-22 18:30:05Z`, in UTC as the API returns it. */
export function time(iso: string | null | undefined): string | null {
  return iso ? `${iso.slice(0, 19).replace('T', ' ')}Z` : null;
}

/** Formats a duration as `1.2 s` or `1 h 59 min`. */
export function lasting(ms: number | null): string | null {
  return ms === null ? null : duration(ms);
}
