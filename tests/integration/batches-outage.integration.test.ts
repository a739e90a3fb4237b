/** MongoDB stops while a batch holds a grant that it has just received. The file starts its own embedded MongoDB. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningMongodb, startMongodb } from '../../src/engines/mongodb/mongodb';
import { engines } from '../support/engines';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';

const OTHERS = 9;
const HELD_MS = 60_000;
const PATIENCE_MS = 150_000;

let dataDir: string;
let mongodb: RunningMongodb;
let h: Harness;
const start = async () =>
  startMongodb({ dataDir, cacheDir: engines.cacheDir, log: () => undefined });

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'evergrant-batches-'));
  mongodb = await start();
  h = await startHarness({
    mongodbUri: mongodb.uri,
    providers: ['etsy'],
    policy: { perAccountUpTo: 5 },
  });
});
afterAll(async () => {
  await h?.stop();
  await mongodb?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

it(
  'R2.5 a grant that a batch receives while MongoDB is unreachable waits in the workflow of the account and is committed afterwards, and nothing is sent twice',
  async () => {
    const key = await h.key();
    const strict = { provider: 'etsy', rotation: { mode: 'strict' } } as const;
    const caught = await h.addAccount(strict);
    const ids = [caught.id];
    for (let n = 0; n < OTHERS; n += 1) ids.push((await h.addAccount(strict)).id);
    let release = () => {};
    const until = new Promise<void>((resolve) => {
      release = resolve;
    });
    h.sandbox.script({
      subject: caught.id,
      answer: { kind: 'normal', delayMs: HELD_MS, delayAt: 'after_commit', until },
    });
    const { body } = await h.request(key, 'POST', '/api/admin/internal/refresh-tokens');
    const [{ workflow_id: workflowId, run_id: runId }] = body.started;
    await eventually(async () => {
      // Entries are the last write of a refresh.
      const others = await Promise.all(ids.slice(1).map((id) => h.entries(id)));
      const minted = h.sandbox.ledger.filter(({ event }) => event === 'committed');
      return minted.length === ids.length && others.every(({ length }) => length === 1);
    });
    await mongodb.stop();
    release();
    const own = h.client.workflow.getHandle(`refresh-account/${caught.id}`);
    await eventually(async () => {
      const history = await own.fetchHistory().catch(() => null);
      return history?.events?.some(
        (e) => e.activityTaskScheduledEventAttributes?.activityType?.name === 'persistGrant',
      );
    }, 60_000);
    mongodb = await start();

    await own.result();
    const summary = await h.client.workflow.getHandle(workflowId, runId).result();
    expect(summary).toMatchObject({ due: ids.length, refreshed: ids.length, failed: 0 });
    for (const id of ids) {
      expect(await h.account(id)).toMatchObject({ state: 'active', generation: 2, claim: null });
      expect((await h.entries(id)).map(({ action }) => action)).toEqual(['token_refreshed']);
    }
    expect(h.sandbox.ledger.filter(({ event }) => event === 'received')).toHaveLength(ids.length);
  },
  PATIENCE_MS,
);
