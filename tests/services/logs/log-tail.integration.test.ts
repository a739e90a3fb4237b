/** The live stream while the clock of a new primary is behind that of the one before. */
import { randomUUID } from 'node:crypto';
import mongoose, { type Connection } from 'mongoose';
import { createLogTail, type LogTail } from '../../../src/services/logs/log-tail';
import type { RecordedPlace } from '../../../src/store/logs/log-entries';
import { openStore, type Store } from '../../../src/store/store';
import { logEntry } from '../../api/_log-entry';
import { RULE } from '../../store/_store';
import { engines } from '../../support/engines';
import { eventually } from '../../support/eventually';
import { type MongodbProxy, startMongodbProxy } from '../../support/mongodb-proxy';
import { ringOf } from '../../vault/_keys';

const SECOND = 1_000;
/** When the primary changed. */
const CHANGED = Date.parse('2026-11-30T12:00:00Z');

let proxy: MongodbProxy;
let direct: Connection;
let store: Store;
let tail: LogTail;
let organisation: string;
const open = new AbortController();

beforeAll(async () => {
  proxy = await startMongodbProxy();
  const uri = engines.mongodbUri(`evergrant_tail_${randomUUID()}`);
  direct = await mongoose.createConnection(uri).asPromise();
  const options = { logRetentionDays: 30, rules: () => RULE, ring: ringOf('k1') };
  const logger = { error: () => undefined };
  ({ store } = await openStore(proxy.through(uri), { ...options, logger }));
  tail = createLogTail({ store, logger: { warn: () => undefined } as never });
});
afterAll(async () => {
  open.abort();
  await store?.close();
  await direct?.close();
  await proxy?.stop();
});
beforeEach(async () => {
  organisation = `org-${randomUUID()}`;
  await direct.collection('log_entries').deleteMany({});
});

/** Sets the clock of the primary, in seconds from the change. DocumentDB sends it in ms. */
function clockIs(seconds: number, form: 'date' | 'ms' | 'none' = 'date'): void {
  const at = CHANGED + seconds * SECOND;
  const localTime = { date: new Date(at), ms: at, none: null }[form];
  proxy.intervene(({ name }) =>
    name === 'isMaster' ? { kind: 'amend', members: { localTime } } : null,
  );
}

/** Writes an entry as a primary with this clock does. */
async function writtenAt(seconds: number): Promise<string> {
  const { id, ...entry } = logEntry({ organisation });
  const at = new Date(CHANGED + seconds * SECOND);
  await direct
    .collection<{ _id: string }>('log_entries')
    .insertOne({ ...entry, _id: id, created_at: at, recorded_at: at, remove_at: at } as never);
  return id;
}

interface Following {
  ids: string[];
  /** The place with which the follower can resume. */
  place: RecordedPlace;
  stop(): Promise<void>;
}

async function follow(from: RecordedPlace): Promise<Following> {
  const stopped = new AbortController();
  const signal = AbortSignal.any([open.signal, stopped.signal]);
  const following: Following = { ids: [], place: from, stop: async () => {} };
  let rounds = 0;
  const reading = (async () => {
    for await (const { entries } of tail.follow({ organisation }, from, { signal, idleMs: 50 })) {
      rounds += 1;
      for (const { entry, place } of entries) {
        following.ids.push(entry.id);
        following.place = place;
      }
    }
  })();
  following.stop = async () => {
    stopped.abort();
    await reading;
  };
  await eventually(() => rounds > 0);
  return following;
}

it('sends each entry once, in the order of writing, while the clock of the primary is 30 s behind', async () => {
  clockIs(0);
  const before = [await writtenAt(-40), await writtenAt(-20), await writtenAt(0)];
  const following = await follow(await tail.end());
  clockIs(1);
  const last = await writtenAt(1);
  await eventually(() => following.ids.includes(last));
  const ids = [last];
  for (const seconds of [-30, -29.5, -20, -1, 0.5]) {
    clockIs(seconds);
    ids.push(await writtenAt(seconds));
    await eventually(() => following.ids.length === ids.length);
  }
  clockIs(2);
  ids.push(await writtenAt(2));
  await eventually(() => following.ids.length === ids.length);
  await following.stop();
  expect(following.ids).toEqual(ids);
  expect(following.ids).not.toEqual(expect.arrayContaining(before));
});

it('loses no entry of a follower that resumes while the clock is behind, or afterwards', async () => {
  clockIs(0);
  const first = await writtenAt(0);
  const following = await follow({ at: new Date(CHANGED - SECOND), id: '' });
  await eventually(() => following.ids.length === 1);
  await following.stop();
  clockIs(-30);
  const missed = await writtenAt(-30);
  const resumed = await follow(following.place);
  await eventually(() => resumed.ids.includes(missed));
  clockIs(-25);
  const live = await writtenAt(-25);
  await eventually(() => resumed.ids.includes(live));
  await resumed.stop();
  clockIs(-20);
  const later = await writtenAt(-20);
  clockIs(5);
  const afterwards = await follow(resumed.place);
  await eventually(() => afterwards.ids.includes(later));
  await afterwards.stop();
  expect(following.ids).toEqual([first]);
});

it.each(['date', 'ms', 'none'] as const)(
  'repeats nothing of a follower that resumes while the clock (%s) is right',
  async (form) => {
    clockIs(0, form);
    const ids = [await writtenAt(-2), await writtenAt(-1)];
    const following = await follow({ at: new Date(CHANGED - 3 * SECOND), id: '' });
    await eventually(() => following.ids.length === 2);
    await following.stop();
    clockIs(1, form);
    ids.push(await writtenAt(1));
    const resumed = await follow(following.place);
    await eventually(() => resumed.ids.length === 1);
    await resumed.stop();
    expect([...following.ids, ...resumed.ids]).toEqual(ids);
  },
);
