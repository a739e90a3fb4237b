/** An organisation's accounts in numbers: by status, by validation and by expiry, from one pass. */
import { randomUUID } from 'node:crypto';
import { AccountState } from '../../../src/domain/account/account';
import {
  type AccountInput,
  accountOf,
  addAccount,
  fromNow,
  grantOf,
  MINUTE,
  NOW,
  storeForTest,
  type TestStore,
} from '../_store';

const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

let store: TestStore;
let organisation: string;
beforeAll(async () => {
  store = await storeForTest();
});
afterAll(() => store.close());
beforeEach(() => {
  organisation = `org-${randomUUID()}`;
});

const add = (input: AccountInput = {}) => addAccount(store, { organisation, ...input });
const validSince = new Map([
  ['ebay', fromNow(-HOUR)],
  ['etsy', fromNow(-2 * HOUR)],
]);

async function summary(of = organisation) {
  const { asOf, counts } = await store.accountSummaries.of({
    organisation: of,
    now: NOW,
    validSince,
  });
  expect(asOf).toEqual(NOW);
  return counts;
}

it('counts by provider, environment and kind, and each account in one status', async () => {
  await add({ expiresInMs: 3 * HOUR });
  await add({ expiresInMs: MINUTE });
  await add({ expiresInMs: -MINUTE });
  const disabled = await add({ expiresInMs: -MINUTE });
  await store.accounts.patch(organisation, disabled.id, { state: AccountState.disabled }, NOW);
  await add({ provider: 'etsy', kind: 'booking', quarantine: true, expiresInMs: 3 * HOUR });
  await addAccount(store, { organisation: `other-${organisation}` });
  const { accounts } = await summary();
  expect(accounts).toEqual([
    {
      provider: 'ebay',
      environment: 'production',
      kind: null,
      total: 4,
      byStatus: expect.objectContaining({ ok: 1, expiring_soon: 1, expired: 1, disabled: 1 }),
      quarantined: 0,
      accessTokenEnded: 1,
    },
    expect.objectContaining({ provider: 'etsy', kind: 'booking', total: 1, quarantined: 1 }),
  ]);
});

it('counts an access token without an expiry as valid', async () => {
  await add({ grant: grantOf(null, { expiresAt: null }) });
  const { accounts, accessTokensEnding } = await summary();
  expect(accounts).toMatchObject([{ total: 1, byStatus: { ok: 1 }, accessTokenEnded: 0 }]);
  expect(accessTokensEnding.every(({ count }) => count === 0)).toBe(true);
});

it('counts validations by outcome, valid ones if they are recent', async () => {
  const validated = async (outcome: 'valid' | 'invalid', agoMs: number, provider = 'ebay') => {
    const { id } = await add({ provider, expiresInMs: 3 * HOUR });
    await store.validations.record(await accountOf(store, id), {
      validation: { outcome, at: fromNow(-agoMs), logEntryId: 'entry' },
      consequence: { kind: 'none' },
      failure: null,
    });
  };
  await validated('valid', MINUTE);
  await validated('valid', HOUR + MINUTE);
  await validated('valid', HOUR + MINUTE, 'etsy');
  await validated('invalid', DAY);
  expect((await summary()).validations).toEqual([
    { provider: 'ebay', validatedRecently: 1, invalid: 1 },
    { provider: 'etsy', validatedRecently: 1, invalid: 0 },
  ]);
});

it('counts access tokens by the hour in which they expire, without those of disabled accounts', async () => {
  for (const expiresInMs of [-1, 0, HOUR - 1, HOUR, 2 * HOUR, 24 * HOUR - 1, 24 * HOUR])
    await add({ expiresInMs });
  const { id } = await add({ expiresInMs: MINUTE });
  await store.accounts.patch(organisation, id, { state: AccountState.disabled }, NOW);
  const { accessTokensEnding: hours } = await summary();
  expect(hours.map(({ count }) => count)).toEqual([1, 1, 1, ...Array(20).fill(0), 1]);
  // A token that expires now has expired.
  expect(hours[0]).toMatchObject({ from: NOW, to: fromNow(HOUR) });
});

it('counts refresh tokens by the month (UTC) in which they expire', async () => {
  for (const days of [-1, 1, 40, 45, 400, null]) {
    const end = days === null ? null : fromNow(days * DAY).toISOString();
    await add({ grant: grantOf(null, { refreshTokenExpiresAt: end }) });
  }
  const { refreshTokensEnding: months } = await summary();
  // 23 November, 1 and 6 January.
  expect(months.map(({ count }) => count)).toEqual([1, 0, 2, ...Array(9).fill(0)]);
  expect(months[1]).toMatchObject({
    from: new Date('2026-12-01T00:00:00.000Z'),
    to: new Date('2027-01-01T00:00:00.000Z'),
  });
});
