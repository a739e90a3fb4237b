/**
 * Ten hours of all providers in minutes, with realistic policies on shortened times. HTTP deadlines, leases, heartbeats
 * and pauses inside a workflow are not shortened, and so weigh more than in production. Workers are replaced with an
 * overlap, because their start weighs more, too.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { AccountState } from '../../src/domain/account/account';
import type { LedgerEntry } from '../../src/sandbox/ledger';
import { sweepScheduleId } from '../../src/temporal/sweep-schedules';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';
import { spawnWorker, type WorkerProcess } from '../support/worker-process';
import { type Joined, join } from './_joined';
import { describeMisses, Sampler, type Samples } from './_samples';
import {
  bringTrouble,
  connectAll,
  entries,
  HOUR_MS,
  ORGANISATIONS,
  PROVIDERS,
  RUN_MS,
  type SimulatedAccount,
  sweepEveryMs,
  TROUBLES,
} from './_ten-hours';

const SAMPLE_EVERY_MS = 250;
/** Applications request tokens at every fourth sample. */
const USES_EVERY = 4;

let h: Harness;
const workers = new Set<WorkerProcess>();

beforeAll(async () => {
  h = await startHarness({ worker: false, providers: entries() });
});
afterAll(async () => {
  await Promise.all([...workers].map(stopInOrder));
  await h?.stop();
}, 60_000);

async function startWorker(): Promise<WorkerProcess> {
  const worker = spawnWorker(h, h.encryptionKeys);
  workers.add(worker);
  await eventually(() => worker.output.some((line) => line.includes('worker ready')), 90_000);
  return worker;
}

async function stopInOrder(worker: WorkerProcess): Promise<void> {
  workers.delete(worker);
  worker.child.kill('SIGTERM');
  expect(await worker.exited).toEqual({ code: 0, signal: null });
}

it(
  'R2.1 R2.2 R4.1 R4.3 R4.6 every unrevoked account holds a valid token for ten hours, and no family is revoked',
  async () => {
    const keys: Record<string, string> = {};
    for (const organisation of ORGANISATIONS)
      keys[organisation] = await h.key({ organisation, scopes: ['admin', 'tokens'] });
    const first = await startWorker();
    const accounts = await connectAll(h, keys);
    const find = (label: string) => accounts.find((account) => account.label === label);
    const revoke = (account: SimulatedAccount | undefined) => {
      if (account === undefined) throw new Error('no such account');
      account.revokedAt = Date.now();
      h.sandbox.revoke(account.refreshToken);
    };

    const beganAt = Date.now();
    let second: WorkerProcess | undefined;
    const events: { atHour: number; happens: () => unknown }[] = [
      ...TROUBLES.map((trouble) => ({
        atHour: trouble.atHour,
        happens: () => bringTrouble(h, accounts, trouble),
      })),
      { atHour: 3.2, happens: () => revoke(find('ebay-4')) },
      { atHour: 6.8, happens: () => revoke(find('etsy-5')) },
      {
        atHour: 4,
        happens: async () => {
          second = await startWorker();
          await stopInOrder(first);
          await startWorker();
        },
      },
      { atHour: 6, happens: () => second && stopInOrder(second) },
    ].toSorted((a, b) => a.atHour - b.atHour);

    const sampler = new Sampler(h, keys);
    const users = accounts.filter(({ label }) => label.endsWith('-0'));
    const happening: unknown[] = [];
    for (let n = 0; Date.now() < beganAt + RUN_MS; n += 1) {
      const tick = delay(SAMPLE_EVERY_MS);
      while ((events[0]?.atHour ?? 11) * HOUR_MS < Date.now() - beganAt)
        happening.push(events.shift()?.happens());
      await sampler.store(accounts);
      if (n % USES_EVERY === 0) happening.push(...users.map((account) => sampler.api(account)));
      await tick;
    }
    await Promise.all(happening);
    const ranMs = Date.now() - beganAt;
    await Promise.all([...workers].map(stopInOrder));

    const { samples } = sampler;
    const joined = new Map<SimulatedAccount, Joined>();
    for (const account of accounts) joined.set(account, await join(h, account));
    const sweeps = await sweepsIn(ranMs);
    process.stderr.write(`${summary(joined, samples)}; sweeps: ${JSON.stringify(sweeps)}\n`);

    expect(await describeMisses(h, samples)).toBe('');
    expect(samples.stored).toBeGreaterThan(0.5 * accounts.length * (RUN_MS / SAMPLE_EVERY_MS));
    for (const [account, { presented, logged, unexplainedReplays }] of joined) {
      const { label, revokedAt } = account;
      // Requests at the provider and log entries match one to one, in order.
      expect({ label, logged }).toEqual({ label, logged: presented });
      expect({ label, unexplainedReplays }).toEqual({ label, unexplainedReplays: 0 });
      // Only a family that the test revoked may be refused.
      const refusals = presented.filter((outcome) => outcome === 'rejected').length;
      expect({ label, refusals }).toEqual({ label, refusals: revokedAt === null ? 0 : 1 });
      const state = revokedAt === null ? AccountState.active : AccountState.needsReconnect;
      expect(await h.account(account.id)).toMatchObject({ label, state });
    }
    expect(troublesHit(h.sandbox.ledger)).toBe(
      TROUBLES.reduce((sum, { accounts: hit }) => sum + hit, 0),
    );
    // A sweep that takes longer than the interval also does the work of the next one.
    for (const { wanted, taken, skipped } of Object.values(sweeps)) {
      expect(taken + skipped).toBeGreaterThan(wanted * 0.9);
      expect(taken).toBeGreaterThan(wanted * 0.5);
    }
  },
  RUN_MS + 100_000,
);

/** The number of sweeps that each schedule started, and the number expected. */
async function sweepsIn(ms: number) {
  const counted: Record<string, { wanted: number; taken: number; skipped: number }> = {};
  for (const { id } of h.providers.all) {
    const { info } = await h.client.schedule.getHandle(sweepScheduleId(id)).describe();
    counted[id] = {
      wanted: Math.floor(ms / sweepEveryMs(id)),
      taken: info.numActionsTaken,
      skipped: info.numActionsSkippedOverlap,
    };
  }
  return counted;
}

function troublesHit(ledger: readonly LedgerEntry[]): number {
  return ledger.filter(({ scripted, event }) => scripted && ['answered', 'dropped'].includes(event))
    .length;
}

function summary(joined: ReadonlyMap<SimulatedAccount, Joined>, samples: Samples): string {
  const refreshes = Object.keys(PROVIDERS).map((id) => {
    const ok = [...joined]
      .filter(([{ provider }]) => provider === id)
      .flatMap(([, { logged }]) => logged.filter((outcome) => outcome === 'ok'));
    const leastSeconds = ((samples.leastLeftMs[id] ?? 0) / 1000).toFixed(1);
    return `${id} ${ok.length} (shortest remaining life ${leastSeconds} s)`;
  });
  return `ten hours: ${samples.stored} samples of stored tokens, ${samples.served} served tokens, ${samples.misses.length} misses; refreshed: ${refreshes.join(', ')}; faults that hit: ${troublesHit(h.sandbox.ledger)}; CPU pressure up to ${samples.cpuPressure} %`;
}
