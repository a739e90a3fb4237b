/**
 * Whether the cost of a sweep depends on the due accounts or on all accounts: a fixed number of due accounts, and 1%
 * due, among 10,000, 100,000 and 1,000,000 accounts. Measures the time of a sweep, the peak memory of a worker and the
 * length of Temporal's history, and with several workers the gain of each.
 *
 * `npm run bench -- growth --accounts 10000,100000 --due 200 --workers 1,2,4`. Uses MONGODB_URI and TEMPORAL_ADDRESS,
 * or embedded engines, whose MongoDB server takes many minutes to store a million accounts. `--temporal
 * embedded,production` measures each row on both Temporal servers.
 */
import { parseArgs } from 'node:util';
import { Accounts } from './sides/accounts';
import { startWorker } from './sides/evergrant/processes';
import { Sweeps } from './sides/evergrant/sweeps';
import { startTemporalOf, type TemporalKind } from './sides/engines';
import { temporalKinds, whole, wholes } from './sides/options';
import { peakResidentMb } from './sides/process-figures';
import type { Setting } from './sides/side';
import { program, Stage, log } from './sides/stage';
import { printTable } from './sides/table';

const WARM_UP = 50;

interface Row {
  temporal: TemporalKind;
  accounts: number;
  due: number;
  /** Whether `due` is a share of the accounts instead of a fixed number. */
  part: boolean;
  workers: number;
  seconds: number;
  /** Peak memory of the largest worker. */
  peakMb: number;
  historyLengths: number[];
}

/** Runs the first start, which records keys and policies, while there are no accounts that it would have to read. */
async function startOnce(setting: Setting): Promise<void> {
  const sweeps = await Sweeps.open(setting);
  const worker = await startWorker(setting);
  await sweeps.ended();
  await worker.stop();
  await sweeps.close();
}

/** Measures one sweep with separate workers and a separate namespace. */
async function measure(
  before: Setting,
  accounts: Accounts,
  { due, workers: count }: Pick<Row, 'due' | 'workers'>,
): Promise<Pick<Row, 'seconds' | 'peakMb' | 'historyLengths'>> {
  const namespace = `${before.temporal.namespace}-${crypto.randomUUID().slice(0, 8)}`;
  const setting = { ...before, temporal: { ...before.temporal, namespace } };
  const sweeps = await Sweeps.open(setting);
  const workers = [await startWorker(setting)];
  try {
    await sweeps.ended();
    while (workers.length < count) workers.push(await startWorker(setting));
    const first = await accounts.add(WARM_UP);
    await sweeps.sweep(WARM_UP);
    await accounts.verify(first);
    const issued = await accounts.add(due);
    const started = performance.now();
    const sweep = await sweeps.sweep(due);
    const seconds = (performance.now() - started) / 1000;
    const peakMb = Math.max(...workers.map(({ pid }) => peakResidentMb(pid)));
    await accounts.verify(issued);
    return { seconds, peakMb, historyLengths: await sweeps.historyLengths(sweep) };
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
    await sweeps.close();
  }
}

/** @returns what stops them all, and of each kind where it is and how it was had */
async function startTemporals(kinds: readonly TemporalKind[], dataDir: string) {
  const servers: { kind: TemporalKind; address: string; strategy: string; stop(): Promise<void> }[] = [];
  const stop = async () => {
    for (const server of servers.toReversed()) await server.stop();
  };
  try {
    for (const kind of kinds)
      servers.push({ kind, ...(await startTemporalOf(kind, dataDir, log)) });
  } catch (error) {
    await stop();
    throw error;
  }
  return { servers, stop };
}

program(async () => {
  const isEmbedded = process.env['MONGODB_URI'] === undefined;
  const { values } = parseArgs({
    options: {
      accounts: {
        type: 'string',
        default: isEmbedded ? '10000,100000' : '10000,100000,1000000',
      },
      due: { type: 'string', default: '200' },
      workers: { type: 'string', default: '1' },
      temporal: { type: 'string', default: 'embedded' },
    },
  });
  const sizes = wholes('accounts', values.accounts, 100);
  const same = whole('due', values.due, 1);
  const workerCounts = wholes('workers', values.workers, 1);
  const kinds = temporalKinds(values.temporal);
  await Stage.with([], async (stage) => {
    const { servers, stop } = await startTemporals(kinds, stage.scratch);
    const rows: Row[] = [];
    try {
      for (const size of sizes) {
        const setting = stage.setting();
        const accounts = await Accounts.open(setting, stage.provider);
        const on = ({ address }: { address: string }): Setting => ({
          ...setting,
          temporal: { ...setting.temporal, address },
        });
        for (const server of servers) await startOnce(on(server));
        log(`connecting ${size} accounts`);
        await accounts.addFresh(size);
        for (const server of servers)
          for (const workers of workerCounts)
            for (const part of [false, true]) {
              const due = part ? Math.ceil(size / 100) : same;
              const row = { temporal: server.kind, accounts: size, due, part, workers };
              const measured = await measure(on(server), accounts, row);
              rows.push({ ...row, ...measured });
              const { seconds, peakMb, historyLengths } = measured;
              log(
                `${server.kind}: ${due} due among ${size}, ${workers} workers: ${seconds.toFixed(2)} s, ${peakMb.toFixed(0)} MB, ${historyLengths.join('+')} events`,
              );
            }
        await accounts.drop();
      }
    } finally {
      await stop();
    }
    const perSecond = ({ due, seconds }: Row) => due / seconds;
    const lines = rows.map((row) => {
      const alike = rows.filter(
        ({ temporal, part }) => temporal === row.temporal && part === row.part,
      );
      const smallest = alike.find(({ workers }) => workers === row.workers);
      const fewest = alike.find(({ accounts }) => accounts === row.accounts);
      const { historyLengths } = row;
      return [
        row.temporal,
        String(row.accounts),
        row.part ? `${row.due} (1 %)` : String(row.due),
        String(row.workers),
        `${row.seconds.toFixed(2)} s`,
        perSecond(row).toFixed(1),
        (perSecond(row) / perSecond(smallest ?? row)).toFixed(2),
        (perSecond(row) / perSecond(fewest ?? row)).toFixed(2),
        `${row.peakMb.toFixed(0)} MB`,
        `${historyLengths.reduce((sum, length) => sum + length, 0)} in ${historyLengths.length}`,
        String(Math.max(...historyLengths)),
      ];
    });
    const strategies = servers.map(({ kind, strategy }) => `Temporal (${kind}): ${strategy}`);
    process.stdout.write(`\n${[...stage.engines.strategies, ...strategies].join(' · ')}\n`);
    const head = ['Temporal', 'accounts', 'due', 'workers', 'sweep', 'per s', '÷ fewest accounts'];
    const rest = ['÷ fewest workers', 'worker peak', 'events in runs', 'longest run'];
    printTable([...head, ...rest], lines);
  });
});
