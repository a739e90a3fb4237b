/**
 * Outages of MongoDB, of Temporal and of both, and the loss of Temporal's database, on separate engines that are really
 * stopped. `npm test` runs one short outage of both; `OUTAGE_SECONDS` sets longer ones, and adds outages of each engine
 * alone.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection, ScheduleNotFoundError } from '@temporalio/client';
import getPort, { portNumbers } from 'get-port';
import type { Account } from '../../src/domain/account/account';
import { type RunningMongodb, startMongodb } from '../../src/engines/mongodb/mongodb';
import { type RunningTemporal, startTemporal } from '../../src/engines/temporal/temporal';
import { engines } from '../support/engines';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';

const OUTAGE_MS = Number(process.env['OUTAGE_SECONDS'] ?? 5) * 1000;
const PATIENCE_MS = 240_000 + OUTAGE_MS;
/** Time, in ms, for engines, workers and their first sweeps beside the outage. */
const RECOVERY_MS = 60_000;
const ACCOUNTS = 8;
const LOG_LINES_PER_SECOND_MAX = 10;

let dataDir: string;
let mongodb: RunningMongodb;
let temporal: RunningTemporal;
let h: Harness;
let key: string;

const own = () => ({ dataDir, cacheDir: engines.cacheDir, log: () => undefined });
const startMongo = async () => {
  mongodb = await startMongodb(own());
};
const startTemporalOn = async (grpc: number) => {
  temporal = await startTemporal({ ...own(), searchAttributes: {}, ports: { grpc, ui: 0 } });
};
/** Outside the ephemeral port range, from which a connection could take the port while the engine is stopped. */
const portToReturnTo = () => getPort({ port: portNumbers(20_000, 30_000) });
const portOf = (address: string) => Number(new URL(address).port);

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'evergrant-away-'));
  await Promise.all([startMongo(), startTemporalOn(await portToReturnTo())]);
  h = await startHarness({
    worker: false,
    mongodbUri: mongodb.uri,
    temporalAddress: temporal.address,
    providers: ['etsy'],
    policy: { sweepEveryMs: 2_000, refreshBeforeMs: OUTAGE_MS + RECOVERY_MS },
  });
  await h.startWorker({ config: h.config, store: h.store, lookEveryMs: 1_000 });
  key = await h.key({ scopes: ['admin', 'internal', 'tokens'] });
}, PATIENCE_MS);
afterAll(async () => {
  await h?.stop();
  await Promise.all([mongodb?.stop(), temporal?.stop()]);
  rmSync(dataDir, { recursive: true, force: true });
}, PATIENCE_MS);

/** Connects accounts that become due one after the other within this time, the last one first. */
async function accountsDueWithin(ms: number): Promise<Account[]> {
  const accounts: Account[] = [];
  for (let at = ACCOUNTS; at > 0; at -= 1)
    accounts.push(
      await h.addAccount({
        provider: 'etsy',
        rotation: { mode: 'strict' },
        refreshedAgoMs: 0,
        expiresInMs: OUTAGE_MS + RECOVERY_MS + 3_000 + (at * ms) / ACCOUNTS,
      }),
    );
  return accounts;
}

const received = (accounts: Account[]) =>
  h.sandbox.ledger.filter(
    (e) => e.event === 'received' && accounts.some(({ id }) => id === e.subject),
  );
const token = (id: string) =>
  h.app.request(`/api/tokens/${id}?min_valid_seconds=0`, {
    headers: { authorization: `Bearer ${key}` },
  });

/** Expects that each account was refreshed once, before its token expired, and that every refresh is logged. */
async function expectNothingLost(accounts: Account[]): Promise<void> {
  await eventually(async () => {
    const now = await Promise.all(accounts.map(({ id }) => h.account(id)));
    return now.every(({ generation, claim }) => generation === 2 && claim === null);
  }, RECOVERY_MS);
  expect(received(accounts)).toHaveLength(accounts.length);
  for (const { id, current } of accounts) {
    const after = await h.account(id);
    expect(after).toMatchObject({ state: 'active', lastError: null });
    expect(Date.parse(after.current.obtainedAt)).toBeLessThan(Date.parse(current.expiresAt ?? ''));
    // The grant is committed before it is logged.
    await eventually(async () => (await h.entries(id)).length > 0);
    expect((await h.entries(id)).map(({ outcome }) => outcome)).toEqual(['ok']);
  }
}

/** The cost of an outage: log lines and CPU time, each per second. */
async function during(outage: () => Promise<void>) {
  const [lines, cpu, startedAt] = [h.logs.length, process.cpuUsage(), performance.now()];
  await outage();
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return {
    seconds,
    linesPerSecond: (h.logs.length - lines) / seconds,
    busy: (user + system) / 1e6 / seconds,
  };
}

const BOTH = ['both', { mongodb: true, temporal: true }] as const;
const ALONE = [
  ['MongoDB', { mongodb: true, temporal: false }],
  ['Temporal', { mongodb: false, temporal: true }],
] as const;

describe.each(process.env['OUTAGE_SECONDS'] === undefined ? [BOTH] : [...ALONE, BOTH])(
  'an outage of %s',
  (name, gone) => {
    it(
      `F7 F9 loses and sends nothing, leaves readable tokens served, and is followed by every due refresh (${name})`,
      async () => {
        const accounts = await accountsDueWithin(OUTAGE_MS / 2);
        const [first] = accounts as [Account];
        const temporalPort = portOf(`http://${temporal.address}`);
        const cost = await during(async () => {
          try {
            await Promise.all([gone.mongodb && mongodb.stop(), gone.temporal && temporal.stop()]);
            const endsAt = Date.now() + OUTAGE_MS;
            // Tokens in MongoDB are served; without MongoDB, callers receive an error with Retry-After.
            const answer = await token(first.id);
            const told = answer.headers.has('retry-after');
            expect([answer.status, told]).toEqual(gone.mongodb ? [503, true] : [200, false]);
            await delay(Math.max(0, endsAt - Date.now()));
            expect(received(accounts)).toHaveLength(0);
          } finally {
            await Promise.all([
              gone.mongodb && startMongo(),
              gone.temporal && startTemporalOn(temporalPort),
            ]);
          }
        });
        await expectNothingLost(accounts);
        expect(cost.linesPerSecond).toBeLessThan(LOG_LINES_PER_SECOND_MAX);
        expect(cost.busy).toBeLessThan(0.5);
        process.stderr.write(`outage of ${name}: ${JSON.stringify(cost)}\n`);
      },
      PATIENCE_MS,
    );
  },
);

it(
  'F9 a running worker restores schedules and search attributes after Temporal lost its database, and each account has one workflow',
  async () => {
    const accounts = await accountsDueWithin(2_500);
    const [interrupted] = accounts as [Account];
    // During a refresh: its workflow is lost with all others, and its claim remains.
    h.sandbox.script({
      subject: interrupted.id,
      answer: { kind: 'normal', delayMs: 4_000, delayAt: 'before_commit' },
    });
    const asked = h.request(key, 'POST', `/api/admin/accounts/${interrupted.id}/refresh`, {
      force: true,
    });
    asked.catch(() => undefined);
    await eventually(() => received([interrupted]).length === 1);
    const port = portOf(`http://${temporal.address}`);
    await temporal.stop();
    rmSync(join(dataDir, 'temporal'), { recursive: true, force: true });
    await startTemporalOn(port);
    const connection = await Connection.connect({ address: temporal.address });
    await connection.workflowService.registerNamespace({
      namespace: h.namespace,
      workflowExecutionRetentionPeriod: { seconds: (24 * 3600) as never },
    });
    const client = new Client({ connection, namespace: h.namespace });
    try {
      await eventually(async () => {
        const absent = client.schedule.getHandle('none').describe();
        return absent.catch((error: unknown) => error instanceof ScheduleNotFoundError);
      });
      await eventually(
        () => h.logs.some((line) => line.includes('Temporal no longer has the schedules')),
        RECOVERY_MS,
      );
      await eventually(
        () =>
          client.schedule
            .getHandle('sweep/etsy')
            .describe()
            .then(() => true),
        RECOVERY_MS,
      );
      await expectNothingLost(accounts);
      const started: string[] = [];
      for await (const { workflowId } of client.workflow.list({
        query: 'WorkflowType = "refreshAccountWorkflow"',
      }))
        started.push(workflowId);
      expect(new Set(started).size).toBe(started.length);
      // The account whose response arrived after its workflow was lost needs none.
      expect(started.length).toBeGreaterThanOrEqual(ACCOUNTS - 1);
    } finally {
      await connection.close();
    }
  },
  PATIENCE_MS,
);
