/** What an import has come to so far, and what is said of it in the end. */
import type { LineResult } from '../api/import-lines';
import type { Output } from './output';
import { grouped } from './progress';

/** So many refused lines are held and shown for people; all are counted. */
const SHOWN_MAX = 100;

type Summary = Record<'lines' | 'created' | 'updated' | 'existed' | 'valid' | 'refused', number>;
/** One line of the API's answer. */
export type ImportAnswer =
  | LineResult
  | { summary: Summary }
  | { error: { code: string; message: string } };

export class ImportReport {
  readonly #startedAt = performance.now();
  readonly #refused: LineResult[] = [];
  lines = 0;
  refused = 0;

  add(result: LineResult): void {
    this.lines += 1;
    if (result.result !== 'refused') return;
    this.refused += 1;
    if (this.#refused.length < SHOWN_MAX) this.#refused.push(result);
  }

  /** `12,500 lines, 12,480 ok, 20 refused, 830/s` */
  soFar(): string {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const ok = this.lines - this.refused;
    return `${grouped(this.lines)} lines, ${grouped(ok)} ok, ${grouped(this.refused)} refused, ${grouped(this.lines / Math.max(seconds, 0.001))}/s`;
  }

  print(out: Output, { lines: _lines, ...counts }: Summary): void {
    if (this.#refused.length > 0) {
      out.table(
        ['line', 'why it was refused'],
        this.#refused.map(({ line, message }) => [line, message]),
        '',
      );
      const more = this.refused - this.#refused.length;
      if (more > 0) out.line(`… and ${grouped(more)} more: --json has them all`);
      out.line();
    }
    out.pairs(
      Object.entries(counts)
        .filter(([name, count]) => count > 0 || name === 'created')
        .map(([name, count]) => [name, grouped(count)]),
    );
  }
}
