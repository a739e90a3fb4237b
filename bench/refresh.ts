/**
 * The cost of a refresh with and without a workflow engine: six implementations refresh due accounts against the same
 * provider process and the same MongoDB, one at a time. Each is checked for having done the work. Prints one table.
 *
 * `npm run bench -- refresh --accounts 1000 --latency 0,150 --sides a,b,f --rounds 3`; `--concurrency 100` skips the
 * search for the best concurrency of each side. Uses MONGODB_URI and TEMPORAL_ADDRESS, or embedded engines;
 * `--temporal production` uses a Temporal server on PostgreSQL instead of the embedded one.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Accounts } from './sides/accounts';
import type { TemporalKind } from './sides/engines';
import { temporalKind, whole, wholes } from './sides/options';
import type { Need, Side } from './sides/side';
import { program, Stage, log } from './sides/stage';
import { median, printTable } from './sides/table';

const SIDES: Record<string, { folder: string; needs: Need[] }> = {
  a: { folder: 'limit', needs: [] },
  b: { folder: 'sequential', needs: [] },
  c: { folder: 'bullmq', needs: ['packages', 'redis'] },
  d: { folder: 'celery', needs: ['python', 'redis'] },
  e: { folder: 'agenda', needs: ['packages'] },
  f: { folder: 'evergrant', needs: ['temporal'] },
};
/** Opens connections and warms the code up; not measured. */
const WARM_UP = 50;
/** Maximum number of accounts in the search for the best concurrency. */
const SEARCH_MAX = 2_000;

interface Options {
  accounts: number;
  latencies: number[];
  sides: string[];
  rounds: number;
  /** `null`: search for the best of each side. */
  concurrency: number | null;
  temporal: TemporalKind;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      accounts: { type: 'string', default: '1000' },
      latency: { type: 'string', default: '0,150' },
      sides: { type: 'string', default: Object.keys(SIDES).join(',') },
      rounds: { type: 'string', default: '3' },
      concurrency: { type: 'string' },
      temporal: { type: 'string', default: 'embedded' },
    },
  });
  const sides = values.sides.split(',');
  for (const letter of sides)
    if (SIDES[letter] === undefined)
      throw new Error(`--sides must be of ${Object.keys(SIDES).join(',')}, not "${letter}"`);
  return {
    accounts: whole('accounts', values.accounts, 1),
    latencies: wholes('latency', values.latency, 0),
    sides,
    rounds: whole('rounds', values.rounds, 1),
    concurrency:
      values.concurrency === undefined ? null : whole('concurrency', values.concurrency, 1),
    temporal: temporalKind(values.temporal),
  };
}

/** @returns the seconds in which the side refreshed this many accounts, after a check of its work */
async function runSide(
  stage: Stage,
  side: Side,
  latencyMs: number,
  accounts: number,
  concurrency: number,
): Promise<number> {
  const setting = stage.setting(concurrency);
  const due = await Accounts.open(setting, stage.provider);
  try {
    await stage.provider.setLatency(latencyMs);
    const running = await side.start(setting);
    try {
      const first = await due.add(Math.min(WARM_UP, accounts));
      await running.refreshDue(first.length);
      await due.verify(first);
      const issued = await due.add(accounts);
      const started = performance.now();
      await running.refreshDue(accounts);
      const seconds = (performance.now() - started) / 1000;
      await due.verify(issued);
      return seconds;
    } finally {
      await running.stop();
    }
  } finally {
    await due.drop();
  }
}

/** A side at one latency of the provider. */
interface Row {
  side: Side;
  letter: string;
  latencyMs: number;
  accounts: number;
  /** `null`: the side has no such setting. */
  concurrency: number | null;
  seconds: number[];
}

async function rowOf(
  stage: Stage,
  options: Options,
  letter: string,
  latencyMs: number,
): Promise<Row> {
  const { side }: { side: Side } = await import(
    join(__dirname, 'sides', SIDES[letter]?.folder ?? '', 'side')
  );
  const most = latencyMs > 0 ? (side.accountsMax ?? Infinity) : Infinity;
  const accounts = Math.min(options.accounts, most);
  const row = { side, letter, latencyMs, accounts, seconds: [] };
  const { concurrencies } = side;
  if (concurrencies.length < 2) return { ...row, concurrency: concurrencies[0] ?? null };
  if (options.concurrency !== null) return { ...row, concurrency: options.concurrency };
  const tried: { concurrency: number; seconds: number }[] = [];
  for (const concurrency of concurrencies) {
    const seconds = await runSide(
      stage,
      side,
      latencyMs,
      Math.min(accounts, SEARCH_MAX),
      concurrency,
    );
    log(`search: ${side.name}, ${latencyMs} ms, ${concurrency} at once: ${seconds.toFixed(2)} s`);
    tried.push({ concurrency, seconds });
  }
  const [best] = tried.toSorted((one, other) => one.seconds - other.seconds);
  return { ...row, concurrency: best?.concurrency ?? null };
}

/** Measures all rows, round by round. Each round begins with another side. */
async function measure(stage: Stage, options: Options): Promise<Row[]> {
  const rows: Row[] = [];
  for (const latencyMs of options.latencies)
    for (const letter of options.sides) rows.push(await rowOf(stage, options, letter, latencyMs));
  for (let round = 0; round < options.rounds; round += 1) {
    const from = round % rows.length;
    for (const row of [...rows.slice(from), ...rows.slice(0, from)]) {
      const { side, latencyMs, accounts, concurrency } = row;
      const seconds = await runSide(stage, side, latencyMs, accounts, concurrency ?? 1);
      row.seconds.push(seconds);
      log(
        `round ${round + 1} of ${options.rounds}: ${side.name}, ${latencyMs} ms: ${accounts} accounts in ${seconds.toFixed(2)} s`,
      );
    }
  }
  return rows;
}

function print(rows: readonly Row[], options: Options, strategies: readonly string[]): void {
  const rate = ({ accounts, seconds }: Row) => accounts / median(seconds);
  const ratio = (row: Row, to: string) => {
    const other = rows.find(
      ({ letter, latencyMs }) => letter === to && latencyMs === row.latencyMs,
    );
    return other === undefined ? '–' : (rate(row) / rate(other)).toFixed(2);
  };
  const lines = rows.map((row) => [
    row.side.name,
    `${row.latencyMs} ms`,
    String(row.accounts),
    row.concurrency === null ? '–' : String(row.concurrency),
    `${median(row.seconds).toFixed(2)} s`,
    `${Math.min(...row.seconds).toFixed(2)}–${Math.max(...row.seconds).toFixed(2)}`,
    rate(row).toFixed(1),
    ratio(row, 'a'),
    ratio(row, 'b'),
  ]);
  const head = ['side', 'latency', 'due', 'at once', 'median', 'spread', 'per s', '÷ (a)', '÷ (b)'];
  process.stdout.write(`\n${strategies.join(' · ')} · medians of ${options.rounds} rounds\n`);
  printTable(head, lines);
}

program(async () => {
  const options = readOptions();
  const needs = options.sides.flatMap((letter) => SIDES[letter]?.needs ?? []);
  await Stage.with(
    needs,
    async (stage) => print(await measure(stage, options), options, stage.engines.strategies),
    options.temporal,
  );
});
