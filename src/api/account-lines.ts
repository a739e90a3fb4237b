/** The lines of an import, one at a time: JSON Lines or CSV, read as they arrive and never all at once. */
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { CsvError, parse } from 'csv-parse';
import { textLines } from './text-lines';

/** A longer line is no account, and would have to be held whole. */
const LINE_MAX_CHARACTERS = 128 * 1024;

export type ImportFormat = 'jsonl' | 'csv';

/** `line` counts from 1, a CSV's header included. */
export type AccountLine =
  | { line: number; members: Record<string, unknown> }
  | { line: number; problem: string };

export function accountLines(
  body: ReadableStream<Uint8Array>,
  format: ImportFormat,
): AsyncIterable<AccountLine> {
  const bytes = Readable.fromWeb(body);
  return format === 'csv' ? csvLines(bytes) : jsonLines(bytes);
}

async function* jsonLines(bytes: Readable): AsyncIterable<AccountLine> {
  for await (const { line, text } of textLines(bytes, LINE_MAX_CHARACTERS)) {
    if (text === null) yield { line, problem: 'the line is too long' };
    else if (text.trim() !== '') yield { line, ...parseLine(text) };
  }
}

function parseLine(text: string): { members: Record<string, unknown> } | { problem: string } {
  try {
    const members: unknown = JSON.parse(text);
    if (typeof members === 'object' && members !== null && !Array.isArray(members)) {
      return { members: { ...members } };
    }
  } catch {
    // The parser's message quotes the line, and with it a token.
  }
  return { problem: 'not a JSON object' };
}

/** The first line names the members; an empty field is a member left out; scopes are separated by blanks. */
async function* csvLines(bytes: Readable): AsyncIterable<AccountLine> {
  const parser = parse({
    columns: true,
    trim: true,
    info: true,
    skip_empty_lines: true,
    max_record_size: LINE_MAX_CHARACTERS,
  });
  // Thrown where it is read; without a listener it would end the process.
  parser.on('error', () => {});
  try {
    // Line by line, and read out after each: where the parser fails, it forgets what nobody has read yet.
    for await (const { line, text } of textLines(bytes, LINE_MAX_CHARACTERS)) {
      if (text === null) return yield { line, problem: brokenOff('the line is too long') };
      parser.write(`${text}\n`);
      for (let record = parser.read(); record !== null; record = parser.read())
        yield accountLine(record);
      if (parser.errored) throw parser.errored;
    }
    parser.end();
    for await (const record of parser) yield accountLine(record);
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    yield { line: Number(error['lines'] ?? 0), problem: brokenOff(error.code) };
  }
}

function accountLine({ info, record }: CsvRecord): AccountLine {
  const members: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(record)) if (value !== '') members[name] = value;
  if (typeof members['scopes'] === 'string') members['scopes'] = members['scopes'].split(/\s+/);
  const { quarantine } = members;
  if (quarantine === 'true' || quarantine === 'false')
    members['quarantine'] = quarantine === 'true';
  return { line: info.lines, members };
}

interface CsvRecord {
  info: { lines: number };
  record: Record<string, string>;
}

/** From a broken quote on, nothing after it can be told apart: the import ends there, and says so. */
function brokenOff(why: string): string {
  return `not CSV from here on (${why}): correct it, and send the whole file again`;
}
