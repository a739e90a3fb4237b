/** Reads and parses the files of another system's export. */
import { createReadStream } from 'node:fs';
import { CommandFailed } from './errors';
import type { ExportedValue, ImportSource } from './import-sources/exported-entry';

/** Maximum total size of the files, in bytes. All are held in memory, because tokens must be joined with accounts. */
const FILES_MAX_BYTES = 256 * 1024 * 1024;

/** @throws {CommandFailed} if a file cannot be read, is too large, or is not JSON */
export async function readExportedValues(
  paths: readonly string[],
  source: ImportSource,
): Promise<ExportedValue[]> {
  let left = FILES_MAX_BYTES;
  const values: ExportedValue[] = [];
  for (const path of paths) {
    const name = path === '-' ? 'Standard input' : path;
    const bytes = await readBytes(path, name, left);
    left -= bytes.length;
    const text = decoded(bytes);
    const found = text === undefined ? [] : parsedValues(text, name);
    if (found.length === 0)
      throw new CommandFailed(
        source.notJson === undefined
          ? `${name} is neither JSON nor JSON Lines, in UTF-8 or UTF-16.`
          : `${name} is not JSON. ${source.notJson}`,
      );
    for (const value of found) values.push({ file: path, value });
  }
  return values;
}

async function readBytes(path: string, name: string, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of path === '-' ? process.stdin : createReadStream(path)) {
      length += chunk.length;
      if (length > bytesMax)
        throw new CommandFailed(
          `${name} is too large: the files of one import must not exceed 256 MiB together. Split the export.`,
        );
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof CommandFailed) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new CommandFailed(`${name} cannot be read (${code}).`);
  }
  return Buffer.concat(chunks);
}

/** Decodes UTF-8, or UTF-16 with a byte order mark, as PowerShell's redirection writes it. */
function decoded(bytes: Buffer): string | undefined {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Parses one JSON value, or one per line. Empty if the text is neither. */
function parsedValues(text: string, name: string): unknown[] {
  const whole = parsed(text);
  if (whole !== undefined) return [whole];
  const values: unknown[] = [];
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const value = parsed(line);
    if (value === undefined && values.length === 0) return [];
    if (value === undefined)
      throw new CommandFailed(
        `${name}: line ${at + 1} is not JSON. Check that the export is complete.`,
      );
    values.push(value);
  }
  return values;
}

/** The parser's message quotes the text, which contains tokens. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
