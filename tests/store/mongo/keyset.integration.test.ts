/** Paging far into a list: each page reads its own entries, and none of the pages before it. */
import { randomUUID } from 'node:crypto';
import { AccountState } from '../../../src/domain/account/account';
import { needsReconnectEvent } from '../../../src/domain/events/event';
import { POLICY } from '../../domain/_grants';
import { explained } from '../../support/explained';
import { addAccount, entryOf, fromNow, MINUTE, NOW, storeForTest, type TestStore } from '../_store';

const ENTRIES = 120;
const PAGE = 10;
/** Entries before the page that is read. */
const BEFORE = 100;

let store: TestStore;
const organisation = 'org_a';
beforeAll(async () => {
  store = await storeForTest();
});
afterAll(() => store.close());

const numbers = Array.from({ length: ENTRIES }, (_, number) => number);

/** One find that returns a page and examines little more. */
async function expectOnlyItsPage(
  page: () => Promise<unknown[]>,
  plan: { collection: string; index: string },
): Promise<void> {
  const queries = await explained(store.uri, async () => {
    expect(await page()).toHaveLength(PAGE);
  });
  expect(queries).toEqual([
    expect.objectContaining({ ...plan, returned: PAGE, keysExamined: expect.any(Number) }),
  ]);
  expect(queries[0]?.keysExamined).toBeLessThanOrEqual(PAGE + 2);
}

it('a page of the due list examines no account before it, in either order', async () => {
  for (const number of numbers) {
    await addAccount(store, { expiresInMs: number * 1_000 });
    await addAccount(store, { expiresInMs: 90 * MINUTE, refreshedAgoMs: 70 * MINUTE + number });
  }
  const query = { provider: 'ebay', environment: null, now: NOW };
  for (const [scan, index] of [
    ['expiring', 'first_expiry'],
    ['rest', 'due'],
  ] as const) {
    const list = async (at: string | null, accountId: string | null, limit: number) =>
      store.dueAccounts.page({
        ...query,
        cursor: { scan, at, accountId },
        expiringUntil: fromNow(POLICY.refreshBeforeMs),
        limit,
      });
    const { next } = await list(null, null, BEFORE);
    await expectOnlyItsPage(
      async () => (await list(next?.at ?? null, next?.accountId ?? null, PAGE)).accounts,
      { collection: 'accounts', index },
    );
  }
});

it('a page of the log examines no entry before it', async () => {
  for (const number of numbers)
    await store.logEntries.record(entryOf({ created_at: fromNow(-number * 1_000).toISOString() }));
  const list = (before: { createdAt: Date; id: string } | undefined, limit: number) =>
    store.logEntries.list({ organisation, before, limit });
  const last = (await list(undefined, BEFORE)).at(-1);
  const place = { createdAt: new Date(last?.created_at ?? 0), id: last?.id ?? '' };
  await expectOnlyItsPage(() => list(place, PAGE), {
    collection: 'log_entries',
    index: 'organisation_terminal',
  });
  await expectOnlyItsPage(() => store.logEntries.newerThan(place, { organisation, limit: PAGE }), {
    collection: 'log_entries',
    index: 'organisation_terminal',
  });
});

it('a page of events, and one of deliveries, examine none before them', async () => {
  const endpoint = { id: `whk_${randomUUID()}`, organisation };
  const account = await addAccount(store);
  for (const number of numbers) {
    const at = fromNow(-number * 1_000);
    const told = { state: AccountState.needsReconnect, reason: `reason ${number}`, at } as const;
    const event = { ...needsReconnectEvent(account, told), id: `evt_${randomUUID()}` };
    await store.events.raise(event);
    await store.webhookDeliveries.create(event, endpoint, at);
  }
  const events = (before: { at: Date; id: string } | undefined, limit: number) =>
    store.events.list({ organisation, before, limit });
  const event = (await events(undefined, BEFORE)).at(-1);
  await expectOnlyItsPage(
    () => events({ at: new Date(event?.at ?? 0), id: event?.id ?? '' }, PAGE),
    { collection: 'events', index: 'listing' },
  );
  const deliveries = (before: { at: Date; id: string } | undefined, limit: number) =>
    store.webhookDeliveries.list({ organisation, endpointId: endpoint.id, before, limit });
  const delivery = (await deliveries(undefined, BEFORE)).at(-1);
  await expectOnlyItsPage(
    () => deliveries({ at: delivery?.createdAt ?? NOW, id: delivery?.id ?? '' }, PAGE),
    { collection: 'webhook_deliveries', index: 'listing' },
  );
});
