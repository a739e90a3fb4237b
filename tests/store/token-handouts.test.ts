import mongoose from 'mongoose';
import type { TokenHandout } from '../../src/store/token-handouts';
import { fromNow, NOW, storeForTest, type TestStore } from './_store';

const DAY = 24 * 3_600_000;

let store: TestStore;
beforeEach(async () => {
  store = await storeForTest({ logRetentionDays: 7 });
});
afterEach(() => store.close());

const handoutOf = (id: string, members: Partial<TokenHandout> = {}): TokenHandout => ({
  id,
  at: NOW,
  organisation: 'org_a',
  accountId: 'acc_1',
  keyId: 'key_1',
  requestId: `request-${id}`,
  source: 'store',
  remainingSeconds: 60,
  generation: 1,
  accessTokenFingerprint: 'a-1',
  ...members,
});
const list = (members: object = {}) =>
  store.tokenHandouts.list({ organisation: 'org_a', accountId: 'acc_1', limit: 100, ...members });

it('gives back what was appended, newest first, of one account of one organisation', async () => {
  const older = handoutOf('1', { at: fromNow(-1), remainingSeconds: null, source: 'fallback' });
  const [newer, same] = [handoutOf('2'), handoutOf('3')];
  const elsewhere = [
    handoutOf('4', { organisation: 'org_b' }),
    handoutOf('5', { accountId: 'acc_2' }),
  ];
  await store.tokenHandouts.append([older, newer, same, ...elsewhere]);
  expect(await list()).toEqual([same, newer, older]);
  expect(await list({ before: { at: NOW, id: '3' }, limit: 1 })).toEqual([newer]);
  expect(await list({ before: { at: NOW, id: '2' } })).toEqual([older]);
});

it('writes a batch that is tried again once, and what is new in it', async () => {
  await store.tokenHandouts.append([handoutOf('1'), handoutOf('2')]);
  await store.tokenHandouts.append([handoutOf('2'), handoutOf('1'), handoutOf('3')]);
  await store.tokenHandouts.append([]);
  expect((await list()).map(({ id }) => id)).toEqual(['3', '2', '1']);
});

it('marks each row with the day it goes, as log entries are, and has MongoDB remove it then', async () => {
  await store.tokenHandouts.append([handoutOf('1')]);
  const connection = await mongoose.createConnection(store.uri).asPromise();
  try {
    const collection = connection.collection<{ _id: string }>('token_handouts');
    expect(await collection.findOne({ _id: '1' })).toMatchObject({ remove_at: fromNow(7 * DAY) });
    expect(await collection.indexes()).toContainEqual(
      expect.objectContaining({ key: { remove_at: 1 }, expireAfterSeconds: 0 }),
    );
  } finally {
    await connection.close();
  }
});
