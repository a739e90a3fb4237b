import { randomUUID } from 'node:crypto';
import mongoose from 'mongoose';
import type { HandoutBatch, TokenHandout } from '../../src/store/token-handouts';
import { fromNow, NOW, storeForTest, type TestStore } from './_store';

const DAY = 24 * 3_600_000;

let store: TestStore;
beforeEach(async () => {
  store = await storeForTest({ logRetentionDays: 7 });
});
afterEach(() => store.close());

/** Each with a caller of its own, by which it is known again. */
const handoutOf = (requestId: string, members: Partial<TokenHandout> = {}): TokenHandout => ({
  at: NOW,
  accountId: 'acc_1',
  keyId: 'key_1',
  requestId,
  source: 'store',
  remainingSeconds: 60,
  generation: 1,
  accessTokenFingerprint: 'a-1',
  ...members,
});
const batchOf = (handouts: TokenHandout[], organisation = 'org_a'): HandoutBatch => ({
  id: randomUUID(),
  organisation,
  handouts,
});
const append = (handouts: TokenHandout[], organisation?: string) =>
  store.tokenHandouts.append(batchOf(handouts, organisation));
const list = (members: object = {}) =>
  store.tokenHandouts.list({ organisation: 'org_a', accountId: 'acc_1', limit: 100, ...members });
const requests = (handouts: readonly TokenHandout[]) => handouts.map((one) => one.requestId);

it('gives back what was appended, newest first, of one account of one organisation', async () => {
  const older = handoutOf('1', { at: fromNow(-1), remainingSeconds: null, source: 'fallback' });
  const [newer, same] = [handoutOf('2'), handoutOf('3')];
  await append([older, newer, same, handoutOf('4', { accountId: 'acc_2' })]);
  await append([handoutOf('5')], 'org_b');
  const all = await list();
  expect(all).toEqual([same, newer, older].map((one) => ({ ...one, id: expect.any(String) })));
  const [first, second] = all;
  expect(requests(await list({ before: first, limit: 1 }))).toEqual(['2']);
  expect(requests(await list({ before: second }))).toEqual(['1']);
});

it('pages through batches that overlap, each hand-out once and in order', async () => {
  const total = 120;
  const batches = [0, 1, 2].map((which) =>
    Array.from({ length: total / 3 }, (_, index) =>
      handoutOf(`${which}-${index}`, { at: fromNow(-100 * index - 37 * which) }),
    ),
  );
  for (const batch of batches) await append(batch);
  const seen: TokenHandout[] = [];
  for (let page = await list({ limit: 7 }); page.length > 0; ) {
    seen.push(...page);
    page = await list({ limit: 7, before: page.at(-1) });
  }
  const times = seen.map(({ at }) => at.getTime());
  expect(times).toEqual(times.toSorted((one, other) => other - one));
  expect(requests(seen).toSorted()).toEqual(requests(batches.flat()).toSorted());
});

it('writes a batch that is tried again once', async () => {
  const batch = batchOf([handoutOf('1'), handoutOf('2')]);
  await store.tokenHandouts.append(batch);
  await store.tokenHandouts.append(batch);
  expect(requests(await list())).toEqual(['2', '1']);
  const { organisation, id } = batch;
  expect(requests(await store.tokenHandouts.ofBatch(organisation, id))).toEqual(['1', '2']);
  expect(await store.tokenHandouts.ofBatch('org_b', id)).toEqual([]);
});

it.each(['$rows.account_id', '$$this.account_id', '$$ROOT'])(
  'takes %s for the id of an account that is not there',
  async (accountId) => {
    await append([handoutOf('1')]);
    expect(await list({ accountId })).toEqual([]);
  },
);

it('marks each batch with the day it goes, as log entries are, and has MongoDB remove it then', async () => {
  await append([handoutOf('1'), handoutOf('2', { at: fromNow(2_000) })]);
  const connection = await mongoose.createConnection(store.uri).asPromise();
  try {
    const collection = connection.collection('handout_batches');
    expect(await collection.findOne({})).toMatchObject({ remove_at: fromNow(7 * DAY) });
    expect(await collection.indexes()).toContainEqual(
      expect.objectContaining({ key: { remove_at: 1 }, expireAfterSeconds: 0 }),
    );
  } finally {
    await connection.close();
  }
});
