/** The results of a fault lab run: printed as it runs, and collected for the table of `npm run faults`. */
import { appendFileSync } from 'node:fs';
import type { Phase, Victim } from './_lab';

export interface FaultRow {
  /** The recipe or promise, such as `P3`. */
  id: string;
  fault: string;
  /** Number of faults injected. */
  n: number;
  /** Faults by phase, if they hit phases. */
  hits: Partial<Record<Phase, number>>;
  lost: number;
  seed: number;
  /** Other figures, in words. */
  note: string;
}

/** Upper bound of the loss rate at 95% confidence if nothing was lost (rule of three); `null` if something was. */
export function boundOf({ n, lost }: Pick<FaultRow, 'n' | 'lost'>): number | null {
  return lost === 0 && n > 0 ? 3 / n : null;
}

export function report(row: FaultRow): void {
  log(
    `${row.id} ${row.fault}: n ${row.n}, lost ${row.lost}, seed ${row.seed}${row.note === '' ? '' : `; ${row.note}`}`,
  );
  const file = process.env['FAULTS_ROWS'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(row)}\n`);
}

export function log(line: string): void {
  process.stderr.write(`  [faults] ${line}\n`);
}

export function hitsOf(victims: readonly Victim[]): Partial<Record<Phase, number>> {
  const hits: Partial<Record<Phase, number>> = {};
  for (const { phase } of victims) hits[phase] = (hits[phase] ?? 0) + 1;
  return hits;
}

/** @param share between 0 and 1 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
