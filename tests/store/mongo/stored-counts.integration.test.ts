/** Counts of many documents: requests count few themselves, and workers count more for them in the background. */
import { randomUUID } from 'node:crypto';
import { AccountState } from '../../../src/domain/account/account';
import { ConfiguredProviders } from '../../../src/providers/config/configured-providers';
import { countNext } from '../../../src/worker/keep-counts';
import { explained } from '../../support/explained';
import { addAccount, entryOf, fromNow, MINUTE, NOW, storeForTest, type TestStore } from '../_store';

const AT_ONCE_MAX = 5;
const HOUR = 60 * MINUTE;

let store: TestStore;
let organisation: string;
beforeEach(async () => {
  store = await storeForTest({ countedAtOnceMax: AT_ONCE_MAX });
  organisation = `org-${randomUUID()}`;
});
afterEach(() => store.close());

const validSince = new Map([['ebay', fromNow(-HOUR)]]);
const add = () => addAccount(store, { organisation });
const summary = (now = NOW) => store.accountSummaries.of({ organisation, now, validSince });
const total = async (now = NOW) => {
  const { asOf, counts } = await summary(now);
  return { asOf, total: counts.accounts.reduce((all, one) => all + one.total, 0) };
};
const providers = new ConfiguredProviders([]);
const signal = new AbortController().signal;
const count = (now = NOW) => countNext({ store, vault: store.vault, providers }, signal, () => now);

it('a small organisation sees each account at once, and no worker counts for it', async () => {
  expect(await total()).toEqual({ asOf: NOW, total: 0 });
  for (let number = 1; number <= AT_ONCE_MAX; number += 1) {
    await add();
    expect(await total()).toEqual({ asOf: NOW, total: number });
  }
  expect(await count()).toBe(false);
});

it('beyond the bound a request says that it counted only some, until a worker has counted all', async () => {
  for (let number = 0; number < AT_ONCE_MAX + 3; number += 1) await add();
  expect(await total()).toEqual({ asOf: null, total: AT_ONCE_MAX + 1 });
  expect(await count()).toBe(true);
  expect(await count()).toBe(false);
  await add();
  const later = fromNow(30_000);
  expect(await total(later)).toEqual({ asOf: NOW, total: AT_ONCE_MAX + 3 });
  const aMinuteLater = fromNow(MINUTE + 1);
  expect(await count(aMinuteLater)).toBe(true);
  expect(await total(aMinuteLater)).toEqual({ asOf: aMinuteLater, total: AT_ONCE_MAX + 4 });
});

it('an organisation that shrinks below the bound is counted by its requests again', async () => {
  const accounts = [];
  for (let number = 0; number <= AT_ONCE_MAX; number += 1) accounts.push(await add());
  await summary();
  await count();
  await store.accounts.delete(organisation, accounts[0]?.id ?? '');
  await count(fromNow(2 * MINUTE));
  await store.accounts.delete(organisation, accounts[1]?.id ?? '');
  expect(await total(fromNow(2 * MINUTE))).toEqual({
    asOf: fromNow(2 * MINUTE),
    total: AT_ONCE_MAX - 1,
  });
});

it('two workers never make the same count at once, and a count is not made for requests of two days ago', async () => {
  for (let number = 0; number <= AT_ONCE_MAX; number += 1) await add();
  await summary();
  const claimed = await Promise.all([
    store.storedCounts.claim(NOW),
    store.storedCounts.claim(NOW),
    store.storedCounts.claim(NOW),
  ]);
  expect(claimed.filter((one) => one !== null)).toEqual([
    { kind: 'accounts', organisation, last: null },
  ]);
  // A worker that died: its claim expires.
  expect(await count(fromNow(11 * MINUTE))).toBe(true);
  expect(await count(fromNow(48 * HOUR))).toBe(false);
});

it('counts accounts per OAuth app, and records per encryption key, across organisations', async () => {
  const perApp = (now = NOW) => store.dueAccounts.perApp(['ebay', 'etsy'], now);
  const perKey = (now = NOW) => store.sealedRecords.perKey(['k1', 'k2'], now);
  await addAccount(store, { provider: 'etsy' });
  const { id } = await add();
  await store.accounts.patch(organisation, id, { state: AccountState.disabled }, NOW);
  const etsy = { provider: 'etsy', environment: 'production', accounts: 1 };
  expect(await perApp()).toEqual({ asOf: NOW, counts: [etsy] });
  expect(await perKey()).toMatchObject({ asOf: NOW, counts: { others: 0 } });
  for (let number = 0; number <= AT_ONCE_MAX; number += 1) await add();
  expect(await perApp()).toMatchObject({ asOf: null });
  expect(await perKey()).toEqual({ asOf: null, counts: null });
  while (await count());
  const ebay = { provider: 'ebay', environment: 'production', accounts: AT_ONCE_MAX + 1 };
  const apps = await perApp();
  expect(apps).toEqual({ asOf: NOW, counts: expect.arrayContaining([etsy, ebay]) });
  // The canary is a record as well.
  expect(await perKey()).toEqual({
    asOf: NOW,
    counts: { keys: [{ id: 'k1', records: AT_ONCE_MAX + 4 }], others: 0 },
  });
});

it('counts attempts by the hour: a late entry within two hours is counted, a finished hour is kept', async () => {
  const log = (hoursAgo: number) =>
    store.logEntries.record(
      entryOf({ organisation, created_at: fromNow(-hoursAgo * HOUR - 1).toISOString() }),
    );
  const attempts = async (now = NOW) => {
    const { asOf, counts } = await store.statistics.attempts({ organisation, now });
    return { asOf, refreshed: counts.slice(-6).map(({ refreshed }) => refreshed) };
  };
  for (const hoursAgo of [4, 4, 3]) await log(hoursAgo);
  expect(await attempts()).toEqual({ asOf: NOW, refreshed: [2, 1, 0, 0, 0, 0] });
  for (const hoursAgo of [1, 0, 0]) await log(hoursAgo);
  expect(await attempts()).toMatchObject({ asOf: null });
  expect(await count()).toBe(true);
  expect(await attempts()).toEqual({ asOf: NOW, refreshed: [2, 1, 0, 1, 2, 0] });
  await log(4);
  await log(0);
  const later = fromNow(2 * MINUTE);
  expect(await count(later)).toBe(true);
  expect(await attempts(later)).toEqual({ asOf: later, refreshed: [2, 1, 0, 1, 3, 0] });
});

it('a round of the outbox reads the oldest waiting events by index, in order', async () => {
  const queries = await explained(store.uri, () => store.webhookOutbox.dispatch(NOW, 10));
  expect(queries).toMatchObject([{ collection: 'events', index: 'waiting', documentsExamined: 0 }]);
});
