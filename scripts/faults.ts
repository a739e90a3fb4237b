/**
 * The long version of the fault lab: `npm run faults`. Runs tests/faults with many kills, prints the table and writes it
 * to build/faults.md and build/faults.json. FAULTS_KILLS_GRACE (kills at each of eight phases), FAULTS_RESTARTS and the
 * other variables in tests/faults set the numbers; FAULTS_ONLY selects test files.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { boundOf, type FaultRow } from '../tests/faults/_report';

const ROOT = join(__dirname, '..');
const ROWS = join(ROOT, 'build', 'faults.jsonl');

function cell({ hits }: FaultRow): string {
  return Object.entries(hits)
    .map(([phase, count]) => `${phase} ${count}`)
    .join(', ');
}

function percent(share: number | null): string {
  return share === null ? '–' : `< ${(share * 100).toPrecision(2)} %`;
}

/** Markdown for docs/reliability.md. */
function table(rows: readonly FaultRow[]): string {
  return [
    '| | fault | n | hits at each phase | lost | bound (95 %) | found |',
    '|---|---|---:|---|---:|---:|---|',
    ...rows.map((row) =>
      [
        '',
        row.id,
        row.fault,
        row.n,
        cell(row),
        row.lost,
        percent(boundOf(row)),
        `${row.note} (seed ${row.seed})`,
        '',
      ].join(' | ').trim(),
    ),
    '',
  ].join('\n');
}

rmSync(ROWS, { force: true });
const { status } = spawnSync(
  'npx',
  ['jest', process.env['FAULTS_ONLY'] ?? 'tests/faults', '--runInBand'],
  { cwd: ROOT, stdio: 'inherit', env: { ...process.env, FAULTS: 'long', FAULTS_ROWS: ROWS } },
);
const rows: FaultRow[] = existsSync(ROWS)
  ? readFileSync(ROWS, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  : [];
const markdown = table(rows);
writeFileSync(join(ROOT, 'build', 'faults.md'), markdown);
writeFileSync(
  join(ROOT, 'build', 'faults.json'),
  `${JSON.stringify(rows.map((row) => ({ ...row, bound: boundOf(row) })), null, 2)}\n`,
);
process.stdout.write(`\n${markdown}`);
process.exitCode = status ?? 1;
