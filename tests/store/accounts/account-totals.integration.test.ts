/** The accounts of all organisations in numbers, and how late a provider's accounts are, for the metrics. */
import { AccountState } from '../../../src/domain/account/account';
import { addAccount, fromNow, grantOf, MINUTE, NOW, storeForTest } from '../_store';

const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const signal = new AbortController().signal;

it('counts the accounts of all organisations by status, and their tokens by the time until they expire', async () => {
  const store = await storeForTest();
  try {
    await addAccount(store, { organisation: 'one', expiresInMs: 3 * HOUR });
    await addAccount(store, { organisation: 'two', expiresInMs: 3 * HOUR, quarantine: true });
    await addAccount(store, { organisation: 'two', expiresInMs: 4 * MINUTE });
    const gone = await addAccount(store, { organisation: 'two', expiresInMs: -MINUTE });
    await store.accounts.patch('two', gone.id, { state: AccountState.disabled }, NOW);
    const { asOf, counts } = await store.accountTotals.of(NOW);
    expect(asOf).toEqual(NOW);
    const app = { provider: 'ebay', environment: 'production' };
    const refreshTokens = [0, 0, 0, 0, 0];
    expect(counts).toHaveLength(3);
    expect(counts).toEqual(
      expect.arrayContaining([
        {
          ...app,
          status: 'ok',
          accounts: 2,
          quarantined: 1,
          accessTokens: [0, 0, 0, 2, 2],
          refreshTokens,
        },
        {
          ...app,
          status: 'expiring_soon',
          accounts: 1,
          quarantined: 0,
          accessTokens: [0, 1, 1, 1, 1],
          refreshTokens,
        },
        {
          ...app,
          status: 'disabled',
          accounts: 1,
          quarantined: 0,
          accessTokens: [1, 1, 1, 1, 1],
          refreshTokens,
        },
      ]),
    );
    expect((await store.accountTotals.recount(NOW, signal)).counts).toEqual(counts);
  } finally {
    await store.close();
  }
});

it('counts refresh tokens that expire within a time', async () => {
  const store = await storeForTest();
  try {
    const refreshTokenExpiresAt = fromNow(6 * DAY).toISOString();
    await addAccount(store, { grant: grantOf(null, { refreshTokenExpiresAt }) });
    const { counts } = await store.accountTotals.of(NOW);
    expect(counts.map(({ refreshTokens }) => refreshTokens)).toEqual([[0, 0, 1, 1, 1]]);
  } finally {
    await store.close();
  }
});

it('counts the accounts that are due, overdue and expired, and finds the oldest', async () => {
  const store = await storeForTest();
  try {
    await addAccount(store, { expiresInMs: 3 * HOUR });
    await addAccount(store, { expiresInMs: 14 * MINUTE });
    await addAccount(store, { expiresInMs: MINUTE });
    await addAccount(store, { expiresInMs: -MINUTE });
    await addAccount(store, { expiresInMs: -HOUR, quarantine: true });
    expect(await store.dueAccounts.lateness('ebay', NOW, 10 * MINUTE)).toEqual({
      due: 3,
      overdue: 2,
      expired: 1,
      oldestDueAt: fromNow(-16 * MINUTE),
    });
    expect(await store.dueAccounts.lateness('etsy', NOW, MINUTE)).toEqual({
      due: 0,
      overdue: 0,
      expired: 0,
      oldestDueAt: null,
    });
  } finally {
    await store.close();
  }
});
