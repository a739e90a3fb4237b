/**
 * The overhead of a small sweep, with a workflow per account, over the limit of this Temporal server: the rate of a
 * sweep compared with the rate of empty children, each with one activity that does nothing, in a window of the same
 * size. Both alternate in one namespace, each with a separate worker process.
 *
 * `npm run bench -- small --due 50,200,500 --rounds 3`. Uses MONGODB_URI and TEMPORAL_ADDRESS, or embedded
 * engines; `--temporal production` uses a Temporal server on PostgreSQL instead of the embedded one.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Accounts } from './sides/accounts';
import { BASELINE_QUEUE } from './sides/baseline/worker';
import type { parentWorkflow } from './sides/baseline/workflows';
import { startWorker } from './sides/evergrant/processes';
import { Sweeps } from './sides/evergrant/sweeps';
import { temporalKind, whole, wholes } from './sides/options';
import { program, Stage, log } from './sides/stage';
import { median, printTable } from './sides/table';
import { WorkerProcess } from './sides/worker-process';

const WARM_UP = 50;

/** @returns the duration of this many empty children, in seconds */
async function runBaseline({ client }: Sweeps, children: number): Promise<number> {
  const started = performance.now();
  const done = await client.workflow.execute<typeof parentWorkflow>('parentWorkflow', {
    workflowId: `baseline-${randomUUID()}`,
    taskQueue: BASELINE_QUEUE,
    args: [children],
  });
  if (done !== children) throw new Error(`${done} of ${children} empty children ran`);
  return (performance.now() - started) / 1000;
}

/** @returns the duration of a sweep over this many due accounts, in seconds */
async function runSweep(sweeps: Sweeps, accounts: Accounts, due: number): Promise<number> {
  const issued = await accounts.add(due);
  const started = performance.now();
  await sweeps.sweep(due);
  const seconds = (performance.now() - started) / 1000;
  await accounts.verify(issued);
  return seconds;
}

program(async () => {
  const { values } = parseArgs({
    options: {
      due: { type: 'string', default: '50,200,500' },
      rounds: { type: 'string', default: '3' },
      temporal: { type: 'string', default: 'embedded' },
    },
  });
  const sizes = wholes('due', values.due, 1);
  const rounds = whole('rounds', values.rounds, 1);
  const temporal = temporalKind(values.temporal);
  await Stage.with(
    ['temporal'],
    async (stage) => {
      const setting = stage.setting();
      const accounts = await Accounts.open(setting, stage.provider);
      const sweeps = await Sweeps.open(setting);
      const worker = await startWorker(setting);
      const baseline = await WorkerProcess.start(
        join(__dirname, 'sides', 'baseline', 'worker.ts'),
        setting,
      );
      const lines: string[][] = [];
      try {
        await sweeps.ended();
        await runBaseline(sweeps, WARM_UP);
        await runSweep(sweeps, accounts, WARM_UP);
        for (const due of sizes) {
          const [empty, swept]: [number[], number[]] = [[], []];
          for (let round = 0; round < rounds; round += 1) {
            empty.push(await runBaseline(sweeps, due));
            swept.push(await runSweep(sweeps, accounts, due));
            log(
              `round ${round + 1} of ${rounds}: ${due}: empty children ${empty.at(-1)?.toFixed(2)} s, sweep ${swept.at(-1)?.toFixed(2)} s`,
            );
          }
          const [bare, own] = [due / median(empty), due / median(swept)];
          lines.push([String(due), bare.toFixed(1), own.toFixed(1), (own / bare).toFixed(2)]);
        }
      } finally {
        await worker.stop();
        await baseline.stop();
        await sweeps.close();
      }
      await accounts.drop();
      process.stdout.write(`\n${stage.engines.strategies.join(' · ')} · medians of ${rounds} rounds\n`);
      printTable(['due', 'empty children per s', 'sweep per s', '÷ empty children'], lines);
    },
    temporal,
  );
});
