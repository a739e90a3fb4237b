/** The filters of lists and of the overview: each reads what it returns, and not the rest of the organisation. */
import { randomUUID } from 'node:crypto';
import { AccountState } from '../../../src/domain/account/account';
import { needsReconnectEvent } from '../../../src/domain/events/event';
import { refreshFailure } from '../../../src/domain/refresh/refresh-failure';
import { explained } from '../../support/explained';
import {
  addAccount,
  entryOf,
  fromNow,
  grantOf,
  MINUTE,
  NOW,
  storeForTest,
  type TestStore,
} from '../_store';

const DAY = 24 * 60 * MINUTE;
/** Documents that no filter of these tests matches, and documents that each matches. */
const OTHERS = 60;
const WANTED = 3;
/** Keys that a scan may read beyond what it returns: the end of each of its ranges. */
const BEYOND = 2;

let store: TestStore;
const organisation = 'org_a';
beforeAll(async () => {
  store = await storeForTest();
});
afterAll(() => store.close());

const times = (count: number, act: (number: number) => Promise<unknown>) =>
  Array.from({ length: count }, (_, number) => number).reduce<Promise<unknown>>(
    (before, number) => before.then(() => act(number)),
    Promise.resolve(),
  );

async function expectOnlyMatches(
  action: () => Promise<unknown>,
  index: string,
  returned = WANTED,
): Promise<void> {
  const queries = (await explained(store.uri, action)).filter((query) => query.index === index);
  expect(queries).not.toEqual([]);
  for (const query of queries) {
    expect(query.returned).toBeLessThanOrEqual(returned);
    expect(query.documentsExamined).toBeLessThanOrEqual(returned + BEYOND);
  }
}

describe('of accounts', () => {
  const list = (wanted: object) =>
    store.accounts.list({ organisation, sort: 'expires_at', limit: 51, ...wanted });

  beforeAll(async () => {
    await times(OTHERS, () => addAccount(store));
    await times(WANTED, async (number) => {
      const { id } = await addAccount(store);
      const broken = { state: AccountState.needsReconnect, stateReason: 'revoked' };
      await store.accounts.patch(organisation, id, broken, NOW);
      await addAccount(store, {
        provider: 'etsy',
        kind: 'restaurant',
        grant: grantOf(null, { refreshTokenExpiresAt: fromNow((number + 1) * DAY).toISOString() }),
      });
    });
  });

  it('the status reads the accounts with this status', () =>
    expectOnlyMatches(
      () => list({ status: { is: 'needs_reconnect', at: NOW } }),
      'listing_by_state',
    ));

  it('the expiry of the refresh token reads the accounts of this range', () =>
    expectOnlyMatches(
      () => list({ refreshExpires: { from: NOW, to: fromNow(7 * DAY) } }),
      'listing_by_refresh_expiry',
    ));

  it.each([
    ['provider', { provider: 'etsy' }, 'identity'],
    ['kind', { kind: 'restaurant' }, 'listing_of_kind'],
  ])('the %s reads its accounts', (_name, wanted, index) =>
    expectOnlyMatches(() => list(wanted), index),
  );

  it('the overview reads the accounts that need attention', async () => {
    const attention = () => store.accountAttention.of({ organisation, now: NOW });
    await expectOnlyMatches(attention, 'listing_by_state');
    await expectOnlyMatches(attention, 'listing_by_refresh_expiry');
    expect((await attention()).counts).toMatchObject({
      broken: [{ count: WANTED }],
      refreshTokensEnding: WANTED,
    });
  });
});

describe('of log entries', () => {
  const list = (wanted: object) => store.logEntries.list({ organisation, limit: 51, ...wanted });

  beforeAll(async () => {
    const error = refreshFailure('invalid_grant', { status: 400, detail: 'no', retryAfterMs: 0 });
    await times(OTHERS, () => store.logEntries.record(entryOf()));
    await times(WANTED, () =>
      store.logEntries.record(
        entryOf({
          error,
          account_id: 'acc_2',
          trace_id: 'a'.repeat(32),
          action: 'token_refresh_failed',
        }),
      ),
    );
  });

  it.each([
    // Failures have a partial index, too, whose condition the embedded server ignores.
    ['account', { accountId: 'acc_2' }, 'account_terminal'],
    ['trace', { traceId: 'a'.repeat(32) }, 'trace'],
  ])('the %s reads its entries', (_name, wanted, index) =>
    expectOnlyMatches(() => list(wanted), index),
  );
});

describe('of events and deliveries', () => {
  const told = { state: AccountState.needsReconnect, reason: 'revoked', at: NOW } as const;
  const raise = async (account: Awaited<ReturnType<typeof addAccount>>, endpointId: string) => {
    const event = { ...needsReconnectEvent(account, told), id: `evt_${randomUUID()}` };
    await store.events.raise(event);
    await store.webhookDeliveries.create(event, { id: endpointId, organisation }, NOW);
  };
  let accountId: string;

  beforeAll(async () => {
    const [one, other] = [await addAccount(store), await addAccount(store)];
    accountId = other.id;
    await times(OTHERS, () => raise(one, 'whk_1'));
    await times(WANTED, () => raise(other, 'whk_2'));
  });

  it('the account reads its events', () =>
    expectOnlyMatches(
      () => store.events.list({ organisation, accountId, limit: 51 }),
      'listing_by_account',
    ));

  it('the webhook reads its deliveries', () =>
    expectOnlyMatches(
      () => store.webhookDeliveries.list({ organisation, endpointId: 'whk_2', limit: 51 }),
      'listing',
    ));
});
