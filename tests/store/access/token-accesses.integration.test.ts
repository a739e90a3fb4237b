import { randomUUID } from 'node:crypto';
import mongoose from 'mongoose';
import { nextEntry } from '../../../src/domain/audit/audit';
import {
  ACCESS_WRITER,
  accessDetails,
  TOKEN_ACCESSES,
  type TokenAccess,
} from '../../../src/store/access/token-accesses';
import { fromNow, NOW, storeForTest, type TestStore } from '../_store';

const DAY = 24 * 3_600_000;

let store: TestStore;
beforeEach(async () => {
  store = await storeForTest({ logRetentionDays: 7 });
});
afterEach(() => store.close());

/** Accesses are identified by their request id. */
const tokenAccessOf = (requestId: string, members: Partial<TokenAccess> = {}): TokenAccess => ({
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
/** The entry of a batch, as the next one in its organisation's chain. */
async function entryOf(tokenAccesses: TokenAccess[], organisation = 'org_a') {
  const event = {
    id: randomUUID(),
    at: NOW.toISOString(),
    organisation,
    actor: ACCESS_WRITER,
    action: TOKEN_ACCESSES,
    details: accessDetails(organisation, tokenAccesses, false),
  };
  const { retentionMs } = store.tokenAccesses;
  const head = await store.tokenAccesses.head(organisation);
  return nextEntry(event, head, { retentionMs, authenticate: (text) => `hash of ${text}` });
}
const append = async (tokenAccesses: TokenAccess[], organisation?: string) =>
  store.tokenAccesses.insert(await entryOf(tokenAccesses, organisation), tokenAccesses);
const list = (members: object = {}) =>
  store.tokenAccesses.list({ organisation: 'org_a', accountId: 'acc_1', limit: 100, ...members });
const requests = (tokenAccesses: readonly TokenAccess[]) =>
  tokenAccesses.map((one) => one.requestId);

it('returns the accesses of one account of one organisation, newest first', async () => {
  const older = tokenAccessOf('1', { at: fromNow(-1), remainingSeconds: null, source: 'fallback' });
  const [newer, same] = [tokenAccessOf('2'), tokenAccessOf('3')];
  await append([older, newer, same, tokenAccessOf('4', { accountId: 'acc_2' })]);
  await append([tokenAccessOf('5')], 'org_b');
  const all = await list();
  expect(all).toEqual([same, newer, older].map((one) => ({ ...one, id: expect.any(String) })));
  const [first, second] = all;
  expect(requests(await list({ before: first, limit: 1 }))).toEqual(['2']);
  expect(requests(await list({ before: second }))).toEqual(['1']);
});

it('pages through overlapping batches, each access once and in order', async () => {
  const total = 120;
  const batches = [0, 1, 2].map((which) =>
    Array.from({ length: total / 3 }, (_, index) =>
      tokenAccessOf(`${which}-${index}`, { at: fromNow(-100 * index - 37 * which) }),
    ),
  );
  for (const batch of batches) await append(batch);
  const seen: TokenAccess[] = [];
  for (let page = await list({ limit: 7 }); page.length > 0; ) {
    seen.push(...page);
    page = await list({ limit: 7, before: page.at(-1) });
  }
  const times = seen.map(({ at }) => at.getTime());
  expect(times).toEqual(times.toSorted((one, other) => other - one));
  expect(requests(seen).toSorted()).toEqual(requests(batches.flat()).toSorted());
});

it('writes a repeated batch once', async () => {
  const tokenAccesses = [tokenAccessOf('1'), tokenAccessOf('2')];
  const entry = await entryOf(tokenAccesses);
  expect(await store.tokenAccesses.insert(entry, tokenAccesses)).toBe('inserted');
  expect(await store.tokenAccesses.insert(entry, tokenAccesses)).toBe('there_already');
  expect(requests(await list())).toEqual(['2', '1']);
});

it('gives each place in the chain to one batch', async () => {
  const tokenAccesses = [tokenAccessOf('1')];
  const [first, second] = [await entryOf(tokenAccesses), await entryOf(tokenAccesses)];
  expect(await store.tokenAccesses.insert(first, tokenAccesses)).toBe('inserted');
  expect(await store.tokenAccesses.insert(second, tokenAccesses)).toBe('sequence_taken');
  expect(await store.tokenAccesses.head('org_a')).toMatchObject({ sequence: 1, hash: first.hash });
  expect(await store.tokenAccesses.head('org_b')).toBeNull();
});

it('returns the entries of a chain as written, with the digest of the stored accesses', async () => {
  const batches = [
    [tokenAccessOf('1')],
    [tokenAccessOf('2'), tokenAccessOf('3')],
    [tokenAccessOf('4')],
  ];
  const entries = [];
  for (const tokenAccesses of batches) {
    const entry = await entryOf(tokenAccesses);
    await store.tokenAccesses.insert(entry, tokenAccesses);
    entries.push(entry);
  }
  expect(await store.tokenAccesses.following('org_a', 0, 10)).toEqual(entries);
  expect(await store.tokenAccesses.following('org_a', 1, 1)).toEqual([entries[1]]);
  expect(await store.tokenAccesses.find('org_a', 3)).toEqual(entries[2]);
  expect(await store.tokenAccesses.find('org_b', 3)).toBeNull();
});

it.each(['$rows.account_id', '$$this.account_id', '$$ROOT'])(
  'treats %s as the id of an account that does not exist',
  async (accountId) => {
    await append([tokenAccessOf('1')]);
    expect(await list({ accountId })).toEqual([]);
  },
);

it('stores the day of removal with each batch, as with log entries, and MongoDB removes it then', async () => {
  await append([tokenAccessOf('1'), tokenAccessOf('2', { at: fromNow(2_000) })]);
  const connection = await mongoose.createConnection(store.uri).asPromise();
  try {
    const collection = connection.collection('token_access_batches');
    expect(await collection.findOne({})).toMatchObject({ remove_at: fromNow(7 * DAY) });
    expect(await collection.indexes()).toContainEqual(
      expect.objectContaining({ key: { remove_at: 1 }, expireAfterSeconds: 0 }),
    );
  } finally {
    await connection.close();
  }
});
