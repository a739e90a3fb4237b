/** Searches for a text: each query examines one stretch, and the pages of a search find each match once. */
import mongoose from 'mongoose';
import {
  ACCOUNT_SORTS,
  type AccountPlace,
  type AccountSort,
} from '../../../src/store/accounts/account-listing';
import type { LogQuery } from '../../../src/store/logs/log-entries';
import { STRETCH } from '../../../src/store/mongo/search';
import { explained } from '../../support/explained';
import { addAccount, entryOf, fromNow, MINUTE, NOW, storeForTest, type TestStore } from '../_store';

const organisation = 'org_a';
/** More than two stretches. */
const DOCUMENTS = 2 * STRETCH + 10;
/** The first and the last document of a stretch, and the very last. */
const RARE = [0, STRETCH - 1, STRETCH, 2 * STRETCH - 1, DOCUMENTS - 1];
/** Documents that share a time or a label. A scan may read them at both ends of a stretch. */
const ALIKE = 7;
const EXAMINED_MAX = STRETCH + 2 * ALIKE;

let store: TestStore;
let connection: mongoose.Connection;
beforeAll(async () => {
  store = await storeForTest();
  connection = await mongoose.createConnection(store.uri).asPromise();
});
afterAll(async () => {
  await connection.close();
  await store.close();
});

/** Stores copies of a document. */
async function copy(
  collection: string,
  changed: (number: number, one: Record<string, unknown>) => Record<string, unknown>,
): Promise<void> {
  const documents = connection.collection<{ _id: string }>(collection);
  const one = await documents.findOne({ organisation });
  if (one === null) throw new Error(`no document in ${collection}`);
  await documents.deleteOne({ _id: one._id });
  for (let from = 0; from < DOCUMENTS; from += 1_000)
    await documents.insertMany(
      Array.from({ length: Math.min(1_000, DOCUMENTS - from) }, (_, index) => ({
        ...one,
        ...changed(from + index, one),
      })),
    );
}

const numbered = (prefix: string, number: number) => `${prefix}${String(number).padStart(6, '0')}`;
const nameOf = (number: number) => (RARE.includes(number) ? 'Needle (1)' : 'Straw');

describe('of accounts', () => {
  beforeAll(async () => {
    await addAccount(store);
    await copy('accounts', (number, { current: grant }) => {
      const group = Math.floor(number / ALIKE);
      const isDated = number >= STRETCH / 2;
      const at = isDated ? new Date(NOW.getTime() + group * MINUTE) : null;
      return {
        _id: numbered('acc_', number),
        external_id: `shop-${number}`,
        label: `${numbered('Shop ', group)} ${nameOf(number)}`,
        current: { ...(grant as object), expires_at: at, refresh_token_expires_at: at },
      };
    });
  });

  const page = (sort: AccountSort, after?: AccountPlace) =>
    store.accounts.page({ organisation, text: 'needle (', sort, after, limit: 51 }, 0);

  async function pages(sort: AccountSort): Promise<{ ids: string[]; count: number }> {
    const ids: string[] = [];
    let after: AccountPlace | undefined;
    for (let count = 1; ; count += 1) {
      const { rows, searchedTo } = await page(sort, after);
      ids.push(...rows.map(({ id }) => id));
      if (searchedTo === null) return { ids, count };
      after = searchedTo;
    }
  }

  it.each(ACCOUNT_SORTS)('in the order %s, the pages have each match once', async (sort) => {
    const { ids, count } = await pages(sort);
    expect(ids.toSorted()).toEqual(RARE.map((number) => numbered('acc_', number)));
    expect(count).toBeGreaterThan(1);
  });

  it.each(ACCOUNT_SORTS)('in the order %s, a query examines one stretch', async (sort) => {
    const { searchedTo } = await page(sort);
    const queries = await explained(store.uri, () => page(sort, searchedTo ?? undefined));
    expect(queries).not.toEqual([]);
    for (const { keysExamined } of queries) expect(keysExamined).toBeLessThanOrEqual(EXAMINED_MAX);
  });

  it('a list without a limit of time has all matches', async () => {
    const found = await store.accounts.list({ organisation, text: 'NEEDLE', limit: 51 });
    expect(found.map(({ id }) => id)).toEqual(RARE.map((number) => numbered('acc_', number)));
  });
});

describe('of log entries', () => {
  beforeAll(async () => {
    await store.logEntries.record(entryOf({ organisation }));
    await copy('log_entries', (number) => ({
      _id: numbered('e', number),
      message: nameOf(number),
      created_at: fromNow(Math.floor(number / ALIKE)),
    }));
  });

  const page = (before?: LogQuery['before']) =>
    store.logEntries.page({ organisation, text: 'needle (', before, limit: 51 }, 0);
  const newestFirst = RARE.map((number) => numbered('e', number)).toReversed();

  it('the pages have each match once, newest first', async () => {
    const ids: string[] = [];
    let before: LogQuery['before'];
    let count = 0;
    for (let isMore = true; isMore; count += 1) {
      const { rows, searchedTo } = await page(before);
      ids.push(...rows.map(({ id }) => id));
      isMore = searchedTo !== null;
      before = searchedTo ?? undefined;
    }
    expect(ids).toEqual(newestFirst);
    expect(count).toBe(3);
  });

  it('a query examines one stretch', async () => {
    const { searchedTo } = await page();
    const queries = await explained(store.uri, () => page(searchedTo ?? undefined));
    expect(queries).not.toEqual([]);
    for (const { keysExamined } of queries) expect(keysExamined).toBeLessThanOrEqual(EXAMINED_MAX);
  });

  it('a list without a limit of time has all matches', async () => {
    const found = await store.logEntries.list({ organisation, text: 'NEEDLE', limit: 51 });
    expect(found.map(({ id }) => id)).toEqual(newestFirst);
  });
});
