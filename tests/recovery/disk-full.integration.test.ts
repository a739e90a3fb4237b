/** MongoDB is reachable but refuses writes, because its disk is full. */
import mongoose from 'mongoose';
import type { Store } from '../../src/store/store';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';

/** MongoDB's error for such a write, as the driver throws it. */
const outOfDisk = () =>
  new mongoose.mongo.MongoServerError({
    message: 'No space left on device',
    code: 14031,
    codeName: 'OutOfDiskSpace',
  });

const full = { claims: false, commits: false, error: outOfDisk };
let h: Harness;
let key: string;
beforeAll(async () => {
  h = await startHarness({ worker: false, providers: ['etsy'] });
  key = await h.key();
  const { grants } = h.store;
  const store: Store = {
    ...h.store,
    grants: Object.assign(Object.create(grants), {
      read: grants.read.bind(grants),
      record_failure: grants.recordFailure.bind(grants),
      release: grants.release.bind(grants),
      releaseNotDue: grants.releaseNotDue.bind(grants),
      adoptOrphan: grants.adoptOrphan.bind(grants),
      recordSendIntent: grants.recordSendIntent.bind(grants),
      claim: async (...input: Parameters<typeof grants.claim>) => {
        if (full.claims) throw full.error();
        return grants.claim(...input);
      },
      commit: async (...input: Parameters<typeof grants.commit>) => {
        if (full.commits) throw full.error();
        return grants.commit(...input);
      },
    }),
  };
  await h.startWorker({ config: h.config, store });
});
afterAll(() => h?.stop());

const refresh = (id: string) =>
  h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, { force: true });
const received = (id: string) =>
  h.sandbox.ledger.filter((e) => e.event === 'received' && e.subject === id);
async function activities(id: string, state: 'Failed' | 'Scheduled'): Promise<string> {
  const history = await h.client.workflow.getHandle(`refresh-account/${id}`).fetchHistory();
  return JSON.stringify(history.events?.map((e) => e[`activityTask${state}EventAttributes`]));
}

it('F27 a refresh sends nothing while no claim can be written, and is made once there is room', async () => {
  const { id } = await h.addAccount({ provider: 'etsy', rotation: { mode: 'strict' } });
  full.claims = true;
  const asked = refresh(id);
  await eventually(async () => (await activities(id, 'Failed')).includes('database_unavailable'));
  expect(received(id)).toHaveLength(0);
  full.claims = false;
  expect((await asked).body).toMatchObject({ outcome: 'refreshed', generation: 2 });
  expect(received(id)).toHaveLength(1);
});

it.each([
  ['the disk is full', outOfDisk],
  [
    'MongoDB returns an unexpected error',
    () => new mongoose.mongo.MongoServerError({ code: 10334 }),
  ],
])('F27 a grant that cannot be stored because %s waits encrypted in Temporal', async (_, error) => {
  const { id } = await h.addAccount({ provider: 'etsy', rotation: { mode: 'strict' } });
  Object.assign(full, { commits: true, error });
  const asked = refresh(id);
  await eventually(async () => (await activities(id, 'Scheduled')).includes('persistGrant'));
  full.commits = false;
  expect((await asked).body).toMatchObject({ outcome: 'refreshed' });
  await eventually(async () => (await h.account(id)).generation === 2);
  // The stored refresh token is the provider's newest, so the next refresh is no replay.
  expect((await refresh(id)).body).toMatchObject({ outcome: 'refreshed', generation: 3 });
  expect(received(id).map((e) => e.rotatedTokenPresented)).toEqual([undefined, undefined]);
});
