/** Writes refused lines of an import to a file, for correction. They contain tokens, so only the owner can read it. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { byteLines } from '../domain/text/text-lines';
import { CommandFailed } from './errors';

const OWNER_ONLY = 0o600;
const LINE_FEED = Buffer.from('\n');

export class RefusedLines {
  readonly #file: number;
  /** Lines sent but not answered. The API answers in order, so few lines wait. */
  readonly #unanswered: { line: number; bytes: Buffer }[] = [];

  /** @throws {CommandFailed} if the file exists or cannot be written */
  constructor(path: string) {
    try {
      this.#file = openSync(path, 'wx', OWNER_ONLY);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unwritable';
      const why =
        code === 'EEXIST' ? 'already exists. Choose another file' : `cannot be written (${code})`;
      throw new CommandFailed(`--refused: ${path} ${why}.`);
    }
  }

  /**
   * Yields the lines unchanged, because the API checks their encoding, and keeps them until they are answered. Writes
   * the header line of a CSV immediately.
   */
  async *forward(body: AsyncIterable<Uint8Array>, hasHeader: boolean): AsyncIterable<Buffer> {
    for await (const { line, bytes } of byteLines(body, Number.POSITIVE_INFINITY)) {
      const whole = Buffer.concat([bytes ?? Buffer.alloc(0), LINE_FEED]);
      if (hasHeader && line === 1) writeSync(this.#file, whole);
      else this.#unanswered.push({ line, bytes: whole });
      yield whole;
    }
  }

  /** Applies an answer to its line and to earlier unanswered lines, because a CSV record may span several lines. */
  answered(line: number, wasRefused: boolean): void {
    for (let next = this.#unanswered[0]; next !== undefined && next.line <= line; ) {
      if (wasRefused && next.bytes.toString('latin1').trim() !== '')
        writeSync(this.#file, next.bytes);
      this.#unanswered.shift();
      next = this.#unanswered[0];
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}
