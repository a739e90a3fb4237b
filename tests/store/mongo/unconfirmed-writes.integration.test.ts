/** Writes that a majority does not confirm: each bulk write of the store fails as unavailable, and is safe to repeat. */

import { isDatabaseUnavailable } from '../../../src/store/mongo/unavailability';
import type { Store } from '../../../src/store/store';
import { openStore } from '../../../src/store/store';
import { type MongodbProxy, startMongodbProxy, unconfirmed } from '../../support/mongodb-proxy';
import { ringOf } from '../../vault/_keys';
import {
  accountOf,
  addAccount,
  claimOf,
  commitOf,
  entryOf,
  grantOf,
  NOW,
  newAccount,
  RULE,
  storeForTest,
  type TestStore,
} from '../_store';

let direct: TestStore;
let proxy: MongodbProxy;
let store: Store;
const ring = ringOf('k1');
beforeAll(async () => {
  direct = await storeForTest({ ring });
  proxy = await startMongodbProxy();
  ({ store } = await openStore(proxy.through(direct.uri), {
    logRetentionDays: 30,
    rules: () => RULE,
    ring,
    logger: { error: () => undefined },
  }));
});
afterEach(() => proxy.intervene(null));
afterAll(async () => {
  await store?.close();
  await proxy?.stop();
  await direct?.close();
});

const WRITES: ReadonlySet<string> = new Set(['insert', 'update', 'findAndModify', 'delete']);
/** Leaves the writes in place, and says that a majority did not confirm the first `count`. */
function confirmNone(count = Number.POSITIVE_INFINITY): void {
  let left = count;
  proxy.intervene(({ name }) => {
    if (!WRITES.has(name) || left <= 0) return null;
    left -= 1;
    return { kind: 'amend', members: unconfirmed() };
  });
}
const isUnavailable = (work: Promise<unknown>) =>
  work.then(
    () => false,
    (error: unknown) => isDatabaseUnavailable(error),
  );

it('F8 the accounts of an import count as stored only if a majority has them', async () => {
  const accounts = [newAccount(), newAccount()];
  confirmNone();
  expect(await isUnavailable(store.accounts.createMissing(accounts, NOW))).toBe(true);
  proxy.intervene(null);
  const { created } = await store.accounts.createMissing([...accounts, newAccount()], NOW);
  expect(created.size).toBe(1);
});

it('F8 rewritten due times count as written only if a majority has them', async () => {
  await addAccount(direct, { provider: 'etsy' });
  confirmNone();
  const page = { afterId: null, limit: 10 };
  expect(await isUnavailable(store.accounts.rewriteDueTimes('etsy', page))).toBe(true);
});

it('F8 replaced ciphertexts count as replaced only if a majority has them', async () => {
  const { records } = await store.sealedRecords.page('k2', null, 10);
  const same = records.map((record) => ({
    ...record,
    values: record.values.map((value) => ({ ...value, resealed: value.sealed })),
  }));
  expect(same.length).toBeGreaterThan(0);
  confirmNone();
  expect(await isUnavailable(store.sealedRecords.replace(same))).toBe(true);
});

it('F8 claims that are made together are granted only if a majority has them', async () => {
  const accounts = await Promise.all(Array.from({ length: 5 }, () => addAccount(direct)));
  const claims = () => accounts.map((one) => store.grants.claim(claimOf(one, `of-${one.id}`)));
  confirmNone();
  expect(await Promise.all(claims().map(isUnavailable))).toEqual(Array(5).fill(true));
});

it('F8 claims whose bulk write is not confirmed are granted once each is confirmed alone', async () => {
  const accounts = await Promise.all(Array.from({ length: 5 }, () => addAccount(direct)));
  let bulks = 0;
  proxy.intervene(({ document: { updates } }) => {
    if (!Array.isArray(updates) || updates.length === 1) return null;
    bulks += 1;
    return { kind: 'amend', members: unconfirmed() };
  });
  // The first claim goes out alone, and the others together.
  const results = await Promise.all(
    accounts.map((one) => store.grants.claim(claimOf(one, `of-${one.id}`))),
  );
  expect(bulks).toBe(1);
  expect(results.map(({ kind }) => kind)).toEqual(Array(5).fill('claimed'));
});

it('F8 grants that are committed together count as committed only if a majority has them, and a second commit finds them', async () => {
  const accounts = await Promise.all(Array.from({ length: 5 }, () => addAccount(direct)));
  const commits = () =>
    accounts.map((one) => store.grants.commit(commitOf(one, grantOf(`attempt-${one.id}`))));
  confirmNone();
  expect(await Promise.all(commits().map(isUnavailable))).toEqual(Array(5).fill(true));
  proxy.intervene(null);
  expect(await Promise.all(commits())).toEqual(Array(5).fill('committed'));
  for (const { id } of accounts) expect((await accountOf(direct, id)).generation).toBe(2);
});

it('F8 log entries that are written together count as written only if a majority has them, and are written once', async () => {
  const entries = Array.from({ length: 5 }, () => entryOf({ account_id: 'acc_unconfirmed' }));
  const records = () => entries.map((entry) => store.logEntries.record(entry));
  confirmNone();
  expect(await Promise.all(records().map(isUnavailable))).toEqual(Array(5).fill(true));
  proxy.intervene(null);
  await Promise.all(records());
  const query = { organisation: 'org_a', accountId: 'acc_unconfirmed', limit: 10 };
  expect(await direct.logEntries.list(query)).toHaveLength(5);
});
