/**
 * The cost of metrics: sweeps by a worker that records metrics and is scraped each second, and by one with
 * METRICS_PORT=off. Both alternate in one namespace; the CPU time of the worker is compared as well as the duration.
 *
 * `npm run bench -- metrics --due 500 --rounds 5`: one workflow per account; more than 500 accounts: in batches.
 */
import { parseArgs } from 'node:util';
import getPort from 'get-port';
import { Accounts } from './sides/accounts';
import { startWorker } from './sides/evergrant/processes';
import { Sweeps } from './sides/evergrant/sweeps';
import { temporalKind, wholes, whole } from './sides/options';
import { cpuSeconds } from './sides/process-figures';
import type { Setting } from './sides/side';
import { log, program, Stage } from './sides/stage';
import { median, printTable } from './sides/table';

const WARM_UP = 50;
const SCRAPE_EVERY_MS = 1_000;
const SCRAPED_WITHIN_MS = 10_000;

interface Figures {
  seconds: number;
  cpu: number;
  scrapeMs: number[];
}

/** Scrapes until it is stopped, and measures each scrape. */
function scraping(url: string): () => Promise<number[]> {
  const took: number[] = [];
  const stopping = new AbortController();
  const loop = (async () => {
    while (!stopping.signal.aborted) {
      const begun = performance.now();
      const answer = await fetch(url, { signal: AbortSignal.timeout(SCRAPED_WITHIN_MS) });
      await answer.text();
      took.push(performance.now() - begun);
      await new Promise((resolve) => setTimeout(resolve, SCRAPE_EVERY_MS));
    }
  })();
  return async () => {
    stopping.abort();
    await loop;
    return took;
  };
}

/** One sweep by a new worker. */
async function measure(
  setting: Setting,
  { sweeps, accounts }: { sweeps: Sweeps; accounts: Accounts },
  due: number,
  isOn: boolean,
): Promise<Figures> {
  const port = String(isOn ? await getPort({ host: '127.0.0.1' }) : 'off');
  const worker = await startWorker(setting, { METRICS_PORT: port });
  try {
    await sweeps.ended();
    const warmUp = await accounts.add(WARM_UP);
    await sweeps.sweep(WARM_UP);
    await accounts.verify(warmUp);
    const issued = await accounts.add(due);
    const stop = isOn ? scraping(`http://127.0.0.1:${port}/metrics`) : async () => [];
    const [begun, before] = [performance.now(), cpuSeconds(worker.pid)];
    await sweeps.sweep(due);
    const figures = {
      seconds: (performance.now() - begun) / 1000,
      cpu: cpuSeconds(worker.pid) - before,
    };
    const scrapeMs = await stop();
    await accounts.verify(issued);
    return { ...figures, scrapeMs };
  } finally {
    await worker.stop();
  }
}

program(async () => {
  const { values } = parseArgs({
    options: {
      due: { type: 'string', default: '500' },
      rounds: { type: 'string', default: '5' },
      temporal: { type: 'string', default: 'embedded' },
    },
  });
  const sizes = wholes('due', values.due, 1);
  const rounds = whole('rounds', values.rounds, 1);
  await Stage.with(
    ['temporal'],
    async (stage) => {
      const setting = stage.setting();
      const accounts = await Accounts.open(setting, stage.provider);
      const sweeps = await Sweeps.open(setting);
      const lines: string[][] = [];
      try {
        for (const due of sizes) {
          const [off, on]: [Figures[], Figures[]] = [[], []];
          for (let round = 0; round < rounds; round += 1) {
            // The order alternates, because a server slows down as its history grows.
            for (const isOn of round % 2 === 0 ? [false, true] : [true, false]) {
              const figures = await measure(setting, { sweeps, accounts }, due, isOn);
              (isOn ? on : off).push(figures);
              log(
                `round ${round + 1} of ${rounds}: ${due}, metrics ${isOn ? 'on' : 'off'}: ${figures.seconds.toFixed(2)} s, ${figures.cpu.toFixed(2)} s of CPU`,
              );
            }
          }
          const of = (all: readonly Figures[], member: 'seconds' | 'cpu') =>
            median(all.map((one) => one[member]));
          lines.push([
            String(due),
            of(off, 'seconds').toFixed(2),
            of(on, 'seconds').toFixed(2),
            (of(on, 'seconds') / of(off, 'seconds')).toFixed(3),
            (of(on, 'cpu') / of(off, 'cpu')).toFixed(3),
            median(on.flatMap(({ scrapeMs }) => scrapeMs)).toFixed(0),
          ]);
        }
      } finally {
        await sweeps.close();
      }
      await accounts.drop();
      process.stdout.write(`\n${stage.engines.strategies.join(' · ')} · medians of ${rounds} rounds\n`);
      printTable(['due', 'off, s', 'on, s', 'on ÷ off', 'CPU on ÷ off', 'scrape, ms'], lines);
    },
    temporalKind(values.temporal),
  );
});
