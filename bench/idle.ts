/**
 * The cost of Evergrant while nothing is due: start time, CPU and memory of its processes and of the embedded engines,
 * with 10,000 accounts that are not due and a sweep each minute. For comparison, in the same run: a bare Hono server
 * with a connection to MongoDB, and a Temporal worker that does nothing.
 *
 * `npm run bench -- idle --accounts 10000 --seconds 60`. Uses MONGODB_URI and TEMPORAL_ADDRESS, or embedded engines,
 * which alone are measured.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { sweepScheduleId } from '../src/temporal/sweep-schedules';
import { Accounts } from './sides/accounts';
import { startApi, startWorker } from './sides/evergrant/processes';
import { Sweeps } from './sides/evergrant/sweeps';
import { whole } from './sides/options';
import { cpuSeconds, descendants, residentMb } from './sides/process-figures';
import { PROVIDER } from './sides/side';
import { program, Stage, log } from './sides/stage';
import { printTable } from './sides/table';
import { BareServer } from './sides/tokens/bare-server';
import { WorkerProcess } from './sides/worker-process';

interface Measured {
  name: string;
  pids: number[];
  startedInSeconds: number | null;
  /** The name of the process that it is compared with. */
  to: string | null;
}

/** Verifies that the API is ready, a sweep ran, and no account was refreshed. */
async function verify(accounts: Accounts, sweeps: Sweeps, url: string, count: number, from: Date) {
  const { status } = await fetch(new URL('/readyz', url));
  if (status !== 200) throw new Error(`the API is not ready: ${status}`);
  const collection = accounts.connection.collection('accounts');
  const known = await collection.countDocuments({ generation: 1 });
  if (known !== count) throw new Error(`${known} of ${count} accounts are unchanged`);
  const { info } = await sweeps.client.schedule.getHandle(sweepScheduleId(PROVIDER)).describe();
  if (!info.recentActions.some(({ takenAt }) => takenAt > from))
    throw new Error('no sweep ran; measure for 60 seconds or longer');
}

/** An engine that the bench started; without processes if it did not. */
function engine(name: string, commandLine: RegExp): Measured {
  const pids = descendants(process.pid, commandLine);
  return { name, pids, startedInSeconds: null, to: null };
}

program(async () => {
  const { values } = parseArgs({
    options: {
      accounts: { type: 'string', default: '10000' },
      seconds: { type: 'string', default: '60' },
    },
  });
  const count = whole('accounts', values.accounts, 1);
  const seconds = whole('seconds', values.seconds, 60);
  await Stage.with(['temporal'], async (stage) => {
    const setting = stage.setting(1, { sweepEvery: '1m' });
    const accounts = await Accounts.open(setting, stage.provider);
    log(`connecting ${count} accounts`);
    await accounts.addFresh(count);
    const sweeps = await Sweeps.open(setting);
    const worker = await startWorker(setting);
    const api = await startApi(setting);
    const bareServer = await BareServer.start(setting);
    const begun = performance.now();
    const baseline = await WorkerProcess.start(
      join(__dirname, 'sides', 'baseline', 'worker.ts'),
      setting,
    );
    const baselineStarted = (performance.now() - begun) / 1000;
    const all: Measured[] = [
      {
        name: 'API',
        pids: [api.pid],
        startedInSeconds: api.startedInSeconds,
        to: 'bare Hono server',
      },
      {
        name: 'worker',
        pids: [worker.pid],
        startedInSeconds: worker.startedInSeconds,
        to: 'empty worker',
      },
      {
        name: 'bare Hono server',
        pids: [bareServer.pid],
        startedInSeconds: bareServer.startedInSeconds,
        to: null,
      },
      {
        name: 'empty worker',
        pids: [baseline.pid],
        startedInSeconds: baselineStarted,
        to: null,
      },
      engine('embedded MongoDB', /java|mongod/),
      engine('embedded Temporal', /start-dev/),
    ].filter(({ pids }) => pids.length > 0);
    try {
      const used = ({ pids }: Measured) => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
      log(`measuring for ${seconds} s`);
      const from = new Date();
      const before = new Map(all.map((one) => [one.name, used(one)]));
      await delay(seconds * 1000);
      const figures = new Map(
        all.map((one) => {
          const percent = ((used(one) - (before.get(one.name) ?? 0)) / seconds) * 100;
          const megabytes = one.pids.reduce((sum, pid) => sum + residentMb(pid), 0);
          return [one.name, { percent, megabytes }];
        }),
      );
      await verify(accounts, sweeps, api.url, count, from);
      const ratio = ({ name, to }: Measured, of: 'percent' | 'megabytes') => {
        const [own, other] = [figures.get(name), figures.get(to ?? '')];
        return own && other ? (own[of] / other[of]).toFixed(2) : '–';
      };
      process.stdout.write(
        `\n${stage.engines.strategies.join(' · ')} · ${count} accounts, none due, over ${seconds} s\n`,
      );
      printTable(
        ['process', 'start', 'CPU', 'memory', 'beside', 'CPU ÷', 'memory ÷'],
        all.map((one) => [
          one.name,
          one.startedInSeconds === null ? '–' : `${one.startedInSeconds.toFixed(1)} s`,
          `${figures.get(one.name)?.percent.toFixed(2)} %`,
          `${figures.get(one.name)?.megabytes.toFixed(0)} MB`,
          one.to ?? '–',
          ratio(one, 'percent'),
          ratio(one, 'megabytes'),
        ]),
      );
    } finally {
      await Promise.all([worker.stop(), api.stop(), bareServer.stop(), baseline.stop()]);
      await sweeps.close();
    }
    await accounts.drop();
  });
});
