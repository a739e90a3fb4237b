/**
 * The lines of an import that were refused, written to a file of their own to be corrected and sent again. They hold
 * tokens: the file is its owner's alone.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { textLines } from '../api/text-lines';
import { CommandFailed } from './errors';

const OWNER_ALONE = 0o600;

export class RefusedLines {
  readonly #file: number;
  /** Sent, and not answered yet: the API answers in order, so these are few. */
  readonly #unanswered: { line: number; text: string }[] = [];

  /** @throws {CommandFailed} where the file is there already, or cannot be written */
  constructor(path: string) {
    try {
      this.#file = openSync(path, 'wx', OWNER_ALONE);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unwritable';
      const why = code === 'EEXIST' ? 'is there already; name another file' : `failed (${code})`;
      throw new CommandFailed(`--refused: ${path} ${why}.`);
    }
  }

  /** Passes the lines on, and remembers them until they are answered. A CSV's header line is written at once. */
  async *passing(bytes: AsyncIterable<Uint8Array>, hasHeader: boolean): AsyncIterable<string> {
    for await (const { line, text } of textLines(bytes, Number.POSITIVE_INFINITY)) {
      const whole = `${text ?? ''}\n`;
      if (hasHeader && line === 1) writeSync(this.#file, whole);
      else this.#unanswered.push({ line, text: whole });
      yield whole;
    }
  }

  /** An answer is for its line and for those before it that had none: a CSV's record may have several. */
  answered(line: number, wasRefused: boolean): void {
    for (let next = this.#unanswered[0]; next !== undefined && next.line <= line; ) {
      if (wasRefused && next.text.trim() !== '') writeSync(this.#file, next.text);
      this.#unanswered.shift();
      next = this.#unanswered[0];
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}
