/** Collects the results of an import and prints its summary. */
import type { LineResult } from '../services/accounts/import-lines';
import type { Output } from './output';
import { grouped } from './progress';

/** Maximum number of refused lines, and of lines with warnings, that are kept and shown. All are counted. */
const SHOWN_MAX = 100;

type Summary = Record<
  'lines' | 'created' | 'updated' | 'existed' | 'valid' | 'refused' | 'warned',
  number
>;
/** One line of the API's response. */
export type ImportAnswer =
  | LineResult
  | { summary: Summary }
  | { error: { code: string; message: string } };

export class ImportReport {
  /** Names the position of a refused entry. Absent: line numbers are used. */
  readonly #placeOf: ((line: number) => string) | undefined;
  readonly #startedAt = performance.now();
  readonly #refused: LineResult[] = [];
  readonly #warned: LineResult[] = [];
  lines = 0;
  refused = 0;
  warned = 0;

  constructor(placeOf?: (line: number) => string) {
    this.#placeOf = placeOf;
  }

  add(result: LineResult): void {
    this.lines += 1;
    if (result.result === 'refused') {
      this.refused += 1;
      if (this.#refused.length < SHOWN_MAX) this.#refused.push(result);
    }
    if (result.warnings.length > 0) {
      this.warned += 1;
      if (this.#warned.length < SHOWN_MAX) this.#warned.push(result);
    }
  }

  /** Formats the progress as `12,500 lines, 12,480 ok, 20 refused, 830/s`. */
  soFar(): string {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const ok = this.lines - this.refused;
    const unit = this.#placeOf === undefined ? 'lines' : 'entries';
    return `${grouped(this.lines)} ${unit}, ${grouped(ok)} ok, ${grouped(this.refused)} refused, ${grouped(this.lines / Math.max(seconds, 0.001))}/s`;
  }

  print(out: Output, { lines: _lines, ...counts }: Summary): void {
    this.#table(
      out,
      'reason',
      this.#refused.map(({ line, message }) => [line, message]),
      this.refused - this.#refused.length,
    );
    this.#table(
      out,
      'warning',
      this.#warned.flatMap(({ line, warnings }) => warnings.map((warning) => [line, warning])),
      this.warned - this.#warned.length,
    );
    out.pairs(
      Object.entries(counts)
        .filter(([name, count]) => count > 0 || name === 'created')
        .map(([name, count]) => [name, grouped(count)]),
    );
  }

  #table(out: Output, title: string, rows: [number, string | undefined][], more: number): void {
    if (rows.length === 0) return;
    const place = this.#placeOf === undefined ? 'line' : 'entry';
    out.table(
      [place, title],
      rows.map(([line, text]) => [this.#placeOf?.(line) ?? line, text]),
      '',
      'whole',
    );
    if (more > 0) out.line(`… and ${grouped(more)} more lines. Use --json to list all of them.`);
    out.line();
  }
}
