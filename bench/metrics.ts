/**
 * The cost of metrics and traces. First sweeps by three workers: one with METRICS_PORT=off, one that records metrics, and one
 * that records metrics and exports every trace. They alternate in one namespace, and the CPU time of the worker is compared
 * as well as the duration. Then the CPU time of a worker that has nothing to do, with a scrape each 15 s and without one.
 *
 * `npm run bench -- metrics --due 200,2000 --rounds 5`: up to 500 accounts have a workflow each; more are in batches.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import getPort from 'get-port';
import { type Collector, startCollector } from '../tests/support/collector';
import { Accounts } from './sides/accounts';
import { startWorker } from './sides/evergrant/processes';
import { Sweeps } from './sides/evergrant/sweeps';
import { temporalKind, wholes, whole } from './sides/options';
import { cpuSeconds } from './sides/process-figures';
import type { Setting } from './sides/side';
import { log, program, Stage } from './sides/stage';
import { median, printTable } from './sides/table';

const WARM_UP = 50;
/** As Prometheus is configured in deploy/observability. */
const SCRAPE_EVERY_MS = 15_000;
const SCRAPED_WITHIN_MS = 10_000;

const KINDS = ['off', 'metrics', 'traces'] as const;
type Kind = (typeof KINDS)[number];

interface Figures {
  seconds: number;
  cpu: number;
}

async function scrape(port: string): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`, {
    signal: AbortSignal.timeout(SCRAPED_WITHIN_MS),
  });
  await answer.text();
}

/** CPU seconds of a worker without work, per scrape. */
async function scrapeCost(setting: Setting, scrapes: number): Promise<number> {
  const port = String(await getPort({ host: '127.0.0.1' }));
  const worker = await startWorker(setting, { METRICS_PORT: port });
  try {
    const used = async (isScraped: boolean) => {
      const before = cpuSeconds(worker.pid);
      for (let n = 0; n < scrapes; n += 1) {
        if (isScraped) await scrape(port);
        await delay(SCRAPE_EVERY_MS);
      }
      return cpuSeconds(worker.pid) - before;
    };
    // The first scrapes of a process compile their code.
    await used(true);
    const [without, scraped] = [await used(false), await used(true)];
    return (scraped - without) / scrapes;
  } finally {
    await worker.stop();
  }
}

interface Servers {
  sweeps: Sweeps;
  accounts: Accounts;
  collector: Collector;
}

/** One sweep by a new worker. */
async function measure(
  setting: Setting,
  { sweeps, accounts, collector }: Servers,
  due: number,
  kind: Kind,
): Promise<Figures> {
  const worker = await startWorker(setting, {
    METRICS_PORT: String(kind === 'off' ? 'off' : await getPort({ host: '127.0.0.1' })),
    ...(kind === 'traces' && { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }),
  });
  try {
    await sweeps.ended();
    const warmUp = await accounts.add(WARM_UP);
    await sweeps.sweep(WARM_UP);
    await accounts.verify(warmUp);
    const issued = await accounts.add(due);
    const [begun, before] = [performance.now(), cpuSeconds(worker.pid)];
    await sweeps.sweep(due);
    const figures = {
      seconds: (performance.now() - begun) / 1000,
      cpu: cpuSeconds(worker.pid) - before,
    };
    await accounts.verify(issued);
    return figures;
  } finally {
    await worker.stop();
  }
}

/** @throws unless a worker exported at least one span per refresh */
function requireTraces({ spans, bytes }: Collector, due: number): void {
  const exported = spans.splice(0).length;
  bytes.length = 0;
  if (exported < due)
    throw new Error(`The worker exported ${exported} spans of ${due} refreshes: traces are incomplete.`);
}

program(async () => {
  const { values } = parseArgs({
    options: {
      due: { type: 'string', default: '500' },
      rounds: { type: 'string', default: '5' },
      scrapes: { type: 'string', default: '8' },
      temporal: { type: 'string', default: 'embedded' },
    },
  });
  const sizes = wholes('due', values.due, 1);
  const rounds = whole('rounds', values.rounds, 1);
  const scrapes = whole('scrapes', values.scrapes, 1);
  await Stage.with(
    ['temporal'],
    async (stage) => {
      const setting = stage.setting();
      const accounts = await Accounts.open(setting, stage.provider);
      const sweeps = await Sweeps.open(setting);
      const collector = await startCollector();
      const lines: string[][] = [];
      try {
        for (const due of sizes) {
          const figures: Record<Kind, Figures[]> = { off: [], metrics: [], traces: [] };
          for (let round = 0; round < rounds; round += 1) {
            // The order alternates, because a server slows down as its history grows.
            for (const kind of round % 2 === 0 ? KINDS : KINDS.toReversed()) {
              const one = await measure(setting, { sweeps, accounts, collector }, due, kind);
              if (kind === 'traces') requireTraces(collector, due);
              figures[kind].push(one);
              log(
                `round ${round + 1} of ${rounds}: ${due}, ${kind}: ${one.seconds.toFixed(2)} s, ${one.cpu.toFixed(2)} s of CPU`,
              );
            }
          }
          for (const kind of KINDS) {
            const of = (which: Kind, member: 'seconds' | 'cpu') =>
              median(figures[which].map((one) => one[member]));
            lines.push([
              String(due),
              kind,
              of(kind, 'seconds').toFixed(2),
              of(kind, 'cpu').toFixed(2),
              (of(kind, 'seconds') / of('off', 'seconds')).toFixed(3),
              (of(kind, 'cpu') / of('off', 'cpu')).toFixed(3),
            ]);
          }
        }
      } finally {
        await sweeps.close();
        await collector.stop();
      }
      const cost = await scrapeCost(setting, scrapes);
      await accounts.drop();
      process.stdout.write(`\n${stage.engines.strategies.join(' · ')} · medians of ${rounds} rounds\n`);
      printTable(['due', 'worker', 'took, s', 'CPU, s', 'took ÷ off', 'CPU ÷ off'], lines);
      process.stdout.write(
        `a scrape: ${(cost * 1000).toFixed(0)} ms of CPU, ${((cost / SCRAPE_EVERY_MS) * 100_000).toFixed(2)} % of a core at one each ${SCRAPE_EVERY_MS / 1000} s\n`,
      );
    },
    temporalKind(values.temporal),
  );
});
