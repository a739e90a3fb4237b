/** Reads the lines of an import one at a time, as JSON Lines or CSV, without buffering the file. */
import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { CsvError, type Parser, parse } from 'csv-parse';
import { type ByteLine, byteLines } from '../../domain/text/text-lines';
import { encodingProblem, foreignEncoding, isUtf16 } from '../../domain/text/utf8-text';
import { parseObject } from '../../providers/exchange/answer-members';

/** The longest line, in bytes; it is held in memory. Equals the body limit for a single account. */
export const LINE_MAX_BYTES = 256 * 1024;
/** The name of the format in the dialogs of spreadsheets. */
const CSV_UTF8 = 'CSV UTF-8';
const TOO_LONG = 'the line is too long';

export type ImportFormat = 'jsonl' | 'csv';

/** `line` counts from 1 and includes the header of a CSV. */
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
  for await (const one of byteLines(bytes, LINE_MAX_BYTES)) {
    const { line } = one;
    const problem = lineProblem(one, 'UTF-8');
    if (problem !== null) yield { line, problem };
    // Every further line would have the same problem.
    if (isInUtf16(one)) return;
    if (problem !== null) continue;
    const text = textOf(one);
    if (text.trim() !== '') yield { line, ...parseLine(text) };
  }
}

/** Why the bytes of a line are not text; `null` if they are. */
function lineProblem({ line, bytes }: ByteLine, savedAs: string): string | null {
  if (bytes === null) return TOO_LONG;
  const encoding = line === 1 ? foreignEncoding(bytes) : isUtf8(bytes) ? null : 'unknown';
  return encoding === null ? null : encodingProblem(encoding, savedAs);
}

function isInUtf16({ line, bytes }: ByteLine): boolean {
  return line === 1 && bytes !== null && isUtf16(bytes);
}

/** Strips a byte order mark at the start of the file. */
function textOf({ line, bytes }: ByteLine): string {
  const text = bytes?.toString('utf8') ?? '';
  return line === 1 ? text.replace(/^\uFEFF/, '') : text;
}

function parseLine(text: string): { members: Record<string, unknown> } | { problem: string } {
  try {
    const members: unknown = JSON.parse(text);
    if (typeof members === 'object' && members !== null && !Array.isArray(members)) {
      return { members: { ...members } };
    }
  } catch {
    // Drops the parser's message, which quotes the line and so a token.
  }
  return { problem: 'not a JSON object' };
}

/** The first line names the members; an empty field counts as absent. */
async function* csvLines(bytes: Readable): AsyncIterable<AccountLine> {
  let parser: Parser | undefined;
  /** Lines that are not UTF-8; records that include one are refused. */
  let foreign: number[] = [];
  const answer = (record: CsvRecord): AccountLine => {
    const { lines: line } = record.info;
    const isForeign = foreign.some((one) => one <= line);
    foreign = foreign.filter((one) => one > line);
    return isForeign
      ? { line, problem: encodingProblem('unknown', CSV_UTF8) }
      : accountLine(record);
  };
  try {
    // Reads after each line, because a parser that fails discards unread records.
    for await (const one of byteLines(bytes, LINE_MAX_BYTES)) {
      const { line } = one;
      const problem = lineProblem(one, CSV_UTF8);
      if (problem === TOO_LONG) return yield { line, problem: brokenOff(problem) };
      if (problem !== null && line === 1) return yield { line, problem };
      if (problem !== null) foreign.push(line);
      const text = textOf(one);
      parser ??= csvParser(text);
      parser.write(`${text}\n`);
      for (let record = parser.read(); record !== null; record = parser.read())
        yield answer(record);
      if (parser.errored) throw parser.errored;
    }
    parser?.end();
    for await (const record of parser ?? []) yield answer(record);
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    yield { line: Number(error['lines'] ?? 0), problem: brokenOff(error.code) };
  }
}

/** Spreadsheets write semicolons in locales with a decimal comma, so the header decides. */
function csvParser(header: string): Parser {
  const delimiter = [',', ';', '\t'].find((one) => header.includes(one)) ?? ',';
  const parser = parse({
    delimiter,
    columns: true,
    trim: true,
    info: true,
    skip_empty_lines: true,
    max_record_size: LINE_MAX_BYTES,
  });
  // The error is thrown on read; without a listener it would end the process.
  parser.on('error', () => {});
  return parser;
}

function accountLine({ info, record }: CsvRecord): AccountLine {
  const members: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(record)) if (value !== '') members[name] = value;
  const { quarantine } = members;
  if (quarantine === 'true' || quarantine === 'false')
    members['quarantine'] = quarantine === 'true';
  const { provider_values: values } = members;
  if (typeof values === 'string') members['provider_values'] = parseObject(values) ?? values;
  return { line: info.lines, members };
}

interface CsvRecord {
  info: { lines: number };
  record: Record<string, string>;
}

/** After an unbalanced quote, records can no longer be told apart, so the import ends there. */
function brokenOff(why: string): string {
  return `not valid CSV from this line on (${why}): correct it, and send the whole file again`;
}
