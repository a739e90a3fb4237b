/** Log lines for a person at a terminal: one line per event. */
import { styleText } from 'node:util';

/** Members of log lines that a terminal shows. */
interface Line {
  time?: unknown;
  level?: unknown;
  outcome?: unknown;
  provider?: unknown;
  account_label?: unknown;
  summary?: unknown;
  detail?: unknown;
  err?: unknown;
  error?: unknown;
}

const MARKS: Readonly<Record<string, string>> = {
  warn: styleText('yellow', '!', { validateStream: false }),
  error: styleText('red', '✗', { validateStream: false }),
  fatal: styleText('red', '✗', { validateStream: false }),
};
const DONE = styleText('green', '✓', { validateStream: false });

/**
 * The message of a line with what it is about. `npm start -- --verbose` shows every member.
 * @param messageKey the name of the member with the message
 */
export function shortLine(line: Line & Record<string, unknown>, messageKey: string): string {
  const message = line[messageKey];
  const mark = MARKS[String(line.level)] ?? (line.outcome === 'ok' ? DONE : ' ');
  return `${timeOf(line)} ${mark} ${subjectOf(line)}${typeof message === 'string' ? message : ''}${resultOf(line)}${errorOf(line)}`;
}

/** Local time of day. */
function timeOf({ time }: Line): string {
  return new Date(String(time)).toLocaleTimeString('en-GB');
}

/** The provider and the account of an attempt. */
function subjectOf({ provider, account_label: label }: Line): string {
  return typeof label === 'string' ? `${String(provider)} · ${label}: ` : '';
}

function resultOf({ summary, account_label: label, detail }: Line): string {
  if (typeof summary === 'string') return ` · ${summary}`;
  return typeof label === 'string' && typeof detail === 'string' ? ` (${detail})` : '';
}

/** Errors are logged by name only, see `safeError`. */
function errorOf({ err, error }: Line): string {
  const logged = err ?? error;
  if (typeof logged === 'string') return `: ${logged}`;
  return typeof logged === 'object' && logged !== null && 'name' in logged
    ? ` (${String(logged.name)})`
    : '';
}
