/**
 * What a refresh costs with and without an engine: accounts that are due, refreshed by six sides against the same
 * provider process and the same MongoDB, one side at a time, and each checked for having done the work. One table.
 *
 * `npm run bench -- --accounts 1000 --latency 0,150 --sides a,b,f --rounds 3`; `--concurrency 100` in place of the
 * search for the best of each side. On MONGODB_URI and TEMPORAL_ADDRESS, or on embedded engines.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Accounts } from './sides/accounts';
import { type Engines, startEngines } from './sides/engines';
import { ProviderProcess } from './sides/provider-process';
import { type Need, PROVIDER, type Setting, type Side } from './sides/side';

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
/** The search for the best concurrency is made with so many at most. */
const SEARCH_MAX = 2_000;

const say = (line: string) => process.stderr.write(`${line}\n`);

interface Options {
  accounts: number;
  latencies: number[];
  sides: string[];
  rounds: number;
  /** `null`: the best of each side is looked for. */
  concurrency: number | null;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      accounts: { type: 'string', default: '1000' },
      latency: { type: 'string', default: '0,150' },
      sides: { type: 'string', default: Object.keys(SIDES).join(',') },
      rounds: { type: 'string', default: '3' },
      concurrency: { type: 'string' },
    },
  });
  const sides = values.sides.split(',');
  for (const letter of sides)
    if (SIDES[letter] === undefined)
      throw new Error(`--sides must be of ${Object.keys(SIDES).join(',')}, not "${letter}"`);
  return {
    accounts: whole('accounts', values.accounts, 1),
    latencies: values.latency.split(',').map((text) => whole('latency', text, 0)),
    sides,
    rounds: whole('rounds', values.rounds, 1),
    concurrency:
      values.concurrency === undefined ? null : whole('concurrency', values.concurrency, 1),
  };
}

function whole(name: string, text: string, least: number): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < least)
    throw new Error(`--${name} must be a whole number from ${least} on, not "${text}"`);
  return number;
}

class Bench {
  readonly #engines: Engines;
  readonly #provider: ProviderProcess;
  readonly #client: { clientId: string; clientSecret: string };
  readonly #scratch: string;

  private constructor(
    engines: Engines,
    provider: ProviderProcess,
    client: { clientId: string; clientSecret: string },
    scratch: string,
  ) {
    this.#engines = engines;
    this.#provider = provider;
    this.#client = client;
    this.#scratch = scratch;
  }

  static async start(engines: Engines, scratch: string): Promise<Bench> {
    const client = { clientId: 'bench', clientSecret: randomBytes(16).toString('hex') };
    return new Bench(engines, await ProviderProcess.start(client), client, scratch);
  }

  /** @returns the seconds in which the side refreshed so many accounts, which it is proven to have done */
  async run(side: Side, latencyMs: number, accounts: number, concurrency: number): Promise<number> {
    const setting = this.#setting(concurrency);
    const due = await Accounts.open(setting, this.#provider);
    try {
      await this.#provider.setLatency(latencyMs);
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

  async stop(): Promise<void> {
    await this.#provider.stop();
  }

  /** A database, a namespace and keys of its own for each run. */
  #setting(concurrency: number): Setting {
    const id = randomBytes(4).toString('hex');
    const { tokenEndpoint } = this.#provider;
    const providersFile = join(this.#scratch, `providers-${id}.yaml`);
    const environments = { production: { ...this.#client, tokenEndpoint } };
    // JSON is YAML.
    writeFileSync(providersFile, JSON.stringify({ providers: { [PROVIDER]: { environments } } }));
    return {
      ...this.#client,
      mongodbUri: this.#engines.mongodbUri(`evergrant_bench_${id}`),
      encryptionKeys: `k1:${randomBytes(32).toString('base64')}`,
      tokenEndpoint,
      providersFile,
      concurrency,
      temporal: { address: this.#engines.temporalAddress, namespace: `bench-${id}` },
      redisUrl: this.#engines.redisUrl,
      logFile: join(this.#scratch, `side-${id}.log`),
    };
  }
}

/** A side at one latency. */
interface Row {
  side: Side;
  letter: string;
  latencyMs: number;
  accounts: number;
  /** `null`: it has no such knob. */
  concurrency: number | null;
  seconds: number[];
}

async function rowOf(
  bench: Bench,
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
    const seconds = await bench.run(side, latencyMs, Math.min(accounts, SEARCH_MAX), concurrency);
    say(`search: ${side.name}, ${latencyMs} ms, ${concurrency} at once: ${seconds.toFixed(2)} s`);
    tried.push({ concurrency, seconds });
  }
  const [best] = tried.toSorted((one, other) => one.seconds - other.seconds);
  return { ...row, concurrency: best?.concurrency ?? null };
}

/** All rows, round by round, each round beginning with another side. */
async function measure(bench: Bench, options: Options): Promise<Row[]> {
  const rows: Row[] = [];
  for (const latencyMs of options.latencies)
    for (const letter of options.sides) rows.push(await rowOf(bench, options, letter, latencyMs));
  for (let round = 0; round < options.rounds; round += 1) {
    const from = round % rows.length;
    for (const row of [...rows.slice(from), ...rows.slice(0, from)]) {
      const { side, latencyMs, accounts, concurrency } = row;
      const seconds = await bench.run(side, latencyMs, accounts, concurrency ?? 1);
      row.seconds.push(seconds);
      say(
        `round ${round + 1} of ${options.rounds}: ${side.name}, ${latencyMs} ms: ${accounts} accounts in ${seconds.toFixed(2)} s`,
      );
    }
  }
  return rows;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return Number.isInteger(middle) ? (upper + (sorted[middle - 1] ?? Number.NaN)) / 2 : upper;
}

function print(rows: readonly Row[], options: Options, ways: readonly string[]): void {
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
  const widths = head.map((title, at) =>
    Math.max(title.length, ...lines.map((line) => line[at]?.length ?? 0)),
  );
  process.stdout.write(`\n${ways.join(' · ')} · medians of ${options.rounds} rounds\n`);
  for (const line of [head, ...lines]) {
    const cells = line.map((cell, at) =>
      at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0),
    );
    process.stdout.write(`${cells.join('  ')}\n`);
  }
}

async function main(): Promise<void> {
  const options = readOptions();
  const scratch = mkdtempSync(join(tmpdir(), 'evergrant-bench-'));
  const needed = new Set(options.sides.flatMap((letter) => SIDES[letter]?.needs ?? []));
  const engines = await startEngines(needed, scratch, say);
  try {
    const bench = await Bench.start(engines, scratch);
    try {
      print(await measure(bench, options), options, engines.ways);
    } finally {
      await bench.stop();
    }
  } finally {
    await engines.stop();
  }
  // Kept where something failed: it holds the logs of the sides.
  rmSync(scratch, { recursive: true, force: true });
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
main().then(
  // A queue's library may keep a connection open that was closed; nothing here waits for it.
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
