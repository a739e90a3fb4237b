/**
 * The lateness of refreshes: accounts that are all due within one minute, refreshed only by the schedule. Measures the
 * time from each due time to the refresh, and how the jitter spreads the next round, compared with the same rule
 * without jitter.
 *
 * `npm run bench -- lateness --accounts 20000 --every 1m --workers 1`; `--jitter 5m` replaces half of `--every`, and
 * `--burst 20` (seconds) replaces the minute. Uses MONGODB_URI and TEMPORAL_ADDRESS, or embedded engines.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { accountDueTimes } from '../src/domain/account/due-times';
import { Accounts, configuredProviders } from './sides/accounts';
import { startWorker } from './sides/evergrant/processes';
import { Sweeps } from './sides/evergrant/sweeps';
import { whole } from './sides/options';
import { ORGANISATION, PROVIDER } from './sides/side';
import { program, Stage, log } from './sides/stage';
import { printTable, quantile } from './sides/table';

const MINUTE_MS = 60_000;
const LOOK_EVERY_MS = 2_000;
/** Time, in ms, to connect an account; the burst begins after all are connected. */
const LEAD_MS_EACH = 4;
const LEAD_MS = 10_000;
/** Time limit, in ms, to refresh an account; a slower refresh is a failure. */
const WITHIN_MS_EACH = 500;
const WITHIN_MS = 5 * MINUTE_MS;

interface Refreshed {
  _id: string;
  last_refreshed_at: Date;
  due_at: Date;
}

/** The distribution of due times over the minutes, from the first one. */
function byMinute(moments: readonly Date[]): { minutes: number; busiest: number; mean: number } {
  const counts = new Map<number, number>();
  for (const moment of moments) {
    const minute = Math.floor(moment.getTime() / MINUTE_MS);
    counts.set(minute, (counts.get(minute) ?? 0) + 1);
  }
  const minutes = Math.max(...counts.keys()) - Math.min(...counts.keys()) + 1;
  return { minutes, busiest: Math.max(...counts.values()), mean: moments.length / minutes };
}

/** The next due times without jitter. */
async function withoutJitter(
  { store }: Accounts,
  rule: ReturnType<ReturnType<typeof configuredProviders>['rule']>,
  ids: readonly string[],
): Promise<Date[]> {
  const bare = { ...rule, policy: { ...rule.policy, jitterMs: 0 } };
  const moments: Date[] = [];
  for (const id of ids) {
    const account = await store.accounts.find(ORGANISATION, id);
    const dueAt = account === null ? null : accountDueTimes(account, bare).dueAt;
    if (dueAt === null) throw new Error(`${id} has no next due time`);
    moments.push(dueAt);
  }
  return moments;
}

program(async () => {
  const { values } = parseArgs({
    options: {
      accounts: { type: 'string', default: '20000' },
      every: { type: 'string', default: '1m' },
      jitter: { type: 'string' },
      burst: { type: 'string', default: '60' },
      workers: { type: 'string', default: '1' },
    },
  });
  const count = whole('accounts', values.accounts, 1);
  const burstMs = whole('burst', values.burst, 1) * 1000;
  const workerCount = whole('workers', values.workers, 1);
  await Stage.with(['temporal'], async (stage) => {
    const { every: sweepEvery, jitter } = values;
    const setting = stage.setting(1, { sweepEvery, ...(jitter === undefined ? {} : { jitter }) });
    const accounts = await Accounts.open(setting, stage.provider);
    const sweeps = await Sweeps.open(setting);
    const workers = [await startWorker(setting)];
    while (workers.length < workerCount) workers.push(await startWorker(setting));
    try {
      const rule = configuredProviders(setting).rule(PROVIDER);
      const burstAt = Date.now() + LEAD_MS + count * LEAD_MS_EACH;
      const dueAt = (n: number) => burstAt + (n * burstMs) / count;
      log(`connecting ${count} accounts, due from ${new Date(burstAt).toISOString()} on`);
      // An entered grant is due at exactly its margin before the expiry.
      const issued = await accounts.add(
        count,
        (n) => new Date(dueAt(n) + rule.policy.refreshBeforeMs),
      );
      if (Date.now() > burstAt)
        throw new Error('connecting the accounts took longer than the time before the burst');
      const collection = accounts.connection.collection<Refreshed>('accounts');
      const deadline = burstAt + burstMs + WITHIN_MS + count * WITHIN_MS_EACH;
      for (let done = 0; done < count; ) {
        if (Date.now() > deadline) throw new Error(`only ${done} of ${count} accounts were refreshed`);
        await delay(LOOK_EVERY_MS);
        done = await collection.countDocuments({ generation: 2, claim: null });
      }
      for (const worker of workers) await worker.stop();
      await accounts.verify(issued);
      const refreshed = new Map(
        (await collection.find({}).toArray()).map((account) => [account._id, account]),
      );
      const lateSeconds = issued.map(({ subject }, n) => {
        const at = refreshed.get(subject)?.last_refreshed_at.getTime() ?? Number.NaN;
        return (at - dueAt(n)) / 1000;
      });
      if (lateSeconds.some((late) => !(late >= 0)))
        throw new Error('some accounts were refreshed before they were due');
      const ids = [...refreshed.keys()];
      const spread = byMinute([...refreshed.values()].map((account) => account.due_at));
      const unspread = byMinute(await withoutJitter(accounts, rule, ids));
      const late = (part: number) => `${quantile(lateSeconds, part).toFixed(1)} s`;
      process.stdout.write(
        `\n${stage.engines.strategies.join(' · ')} · ${count} due within ${burstMs / 1000} s, a sweep each ${sweepEvery}, ${workerCount} workers\n`,
      );
      const head = ['late by', 'p50', 'p90', 'p99', 'max'];
      printTable(head, [['refreshed − due', late(0.5), late(0.9), late(0.99), late(1)]]);
      process.stdout.write('\n');
      printTable(
        ['next round', 'minutes', 'busiest', 'busiest ÷ mean', 'busiest ÷ without jitter'],
        [['with jitter', spread] as const, ['without jitter', unspread] as const].map(
          ([name, { minutes, busiest, mean }]) => [
            name,
            String(minutes),
            String(busiest),
            (busiest / mean).toFixed(2),
            (busiest / unspread.busiest).toFixed(2),
          ],
        ),
      );
    } finally {
      for (const worker of workers) await worker.stop();
      await sweeps.close();
    }
    await accounts.drop();
  });
});
