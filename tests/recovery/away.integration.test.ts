/**
 * MongoDB away, Temporal away, both away, Temporal's database lost: with engines of their own, which are really
 * stopped. `npm test` has time for both at once, and briefly; `OUTAGE_SECONDS` makes the outages longer, and has each
 * engine away alone as well.
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
/** Engines, workers and their first sweeps need this beside the outage itself. */
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
/** None that the system gives to outgoing connections: while the engine is away, somebody's could take it. */
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

/** Accounts that become due one after the other within so long, the last first. */
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

/** Each was refreshed once, none after its token had ended, and all is written down. */
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
    // The grant is committed first, and then written down.
    await eventually(async () => (await h.entries(id)).length > 0);
    expect((await h.entries(id)).map(({ outcome }) => outcome)).toEqual(['ok']);
  }
}

/** What an outage cost: log lines and processor time, each for a second of it. */
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
  '%s away',
  (name, gone) => {
    it(
      `F7 F9 nothing is sent or lost, what is there is handed out, and all is made up for afterwards (${name})`,
      async () => {
        const accounts = await accountsDueWithin(OUTAGE_MS / 2);
        const [first] = accounts as [Account];
        const temporalPort = portOf(`http://${temporal.address}`);
        const cost = await during(async () => {
          try {
            await Promise.all([gone.mongodb && mongodb.stop(), gone.temporal && temporal.stop()]);
            const endsAt = Date.now() + OUTAGE_MS;
            // What is in MongoDB is handed out; without it nothing is guessed, but a word said on when to come again.
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
        process.stderr.write(`${name} away: ${JSON.stringify(cost)}\n`);
      },
      PATIENCE_MS,
    );
  },
);

it(
  "F9 after Temporal's database was lost a running worker puts back what it needs, and each account has one workflow",
  async () => {
    const accounts = await accountsDueWithin(2_500);
    const [interrupted] = accounts as [Account];
    // In the middle of a refresh: its workflow is lost with all others, its claim stands.
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
      // The one whose answer came although its workflow was gone needs none.
      expect(started.length).toBeGreaterThanOrEqual(ACCOUNTS - 1);
    } finally {
      await connection.close();
    }
  },
  PATIENCE_MS,
);
