/** The lines of an import, one at a time: JSON Lines or CSV, read as they arrive and never all at once. */
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { CsvError, parse } from 'csv-parse';

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
  let line = 0;
  for await (const text of createInterface({ input: bytes, crlfDelay: Number.POSITIVE_INFINITY })) {
    line += 1;
    if (text.trim() === '') continue;
    if (text.length > LINE_MAX_CHARACTERS) yield { line, problem: 'the line is too long' };
    else yield { line, ...parseLine(text) };
  }
}

function parseLine(text: string): { members: Record<string, unknown> } | { problem: string } {
  try {
    const members: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
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
  const records = bytes.pipe(
    parse({
      columns: true,
      bom: true,
      trim: true,
      info: true,
      skip_empty_lines: true,
      max_record_size: LINE_MAX_CHARACTERS,
    }),
  );
  try {
    for await (const { info, record } of records) {
      const members: Record<string, unknown> = {};
      for (const [name, value] of Object.entries<string>(record))
        if (value !== '') members[name] = value;
      if (typeof members['scopes'] === 'string') members['scopes'] = members['scopes'].split(/\s+/);
      yield { line: info.lines, members };
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    // From a broken quote on, nothing after it can be told apart: the import ends here, and says so.
    yield { line: Number(error['lines'] ?? 0), problem: `not CSV from here on (${error.code})` };
  }
}
