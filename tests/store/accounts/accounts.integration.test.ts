import type { Account, AccountStatus } from '../../../src/domain/account/account';
import type { RefreshRule } from '../../../src/domain/account/due-times';
import { AccountExistsError, type AccountListQuery } from '../../../src/store/accounts/accounts';
import {
  accountOf,
  addAccount,
  claimOf,
  commitOf,
  failureRecordOf,
  fromNow,
  grantOf,
  inGeneration,
  MINUTE,
  NOW,
  newAccount,
  RULE,
  storeForTest,
  type TestStore,
} from '../_store';

let store: TestStore;
beforeEach(async () => {
  store = await storeForTest({ rules });
});
afterEach(() => store.close());

/** Minutes before expiry from which tokens count as expiring soon; 9 for other providers. */
const SOON_MINUTES = new Map([
  ['ebay', 15],
  ['etsy', 10],
]);
const rules = (provider: string): RefreshRule => ({
  ...RULE,
  policy: { ...RULE.policy, refreshBeforeMs: (SOON_MINUTES.get(provider) ?? 9) * MINUTE },
});

const listed = async (query: Partial<AccountListQuery> = {}) =>
  (await store.accounts.list({ organisation: 'org_a', limit: 100, ...query })).map(({ id }) => id);

describe('an account', () => {
  it('starts active, in its first generation, without a history', async () => {
    const input = newAccount({ kind: 'booking' });
    const created = await store.accounts.create(input, NOW);
    expect(created).toMatchObject({
      id: input.id,
      kind: 'booking',
      state: 'active',
      stateReason: null,
      generation: 1,
      current: input.grant,
      previous: null,
      orphanedGrants: [],
      claim: null,
      lastAttempt: null,
      lastError: null,
      failedAttempts: 0,
      nextAttemptAt: null,
    });
    expect(await store.accounts.find('org_a', input.id)).toEqual(created);
  });

  it('has the same members after an import as after a single creation', async () => {
    const [one, other] = [newAccount(), newAccount()];
    const created = await store.accounts.create(one, NOW);
    await store.accounts.createMissing([other], NOW);
    const { id, externalId, label, grant: current } = other;
    expect(await store.accounts.find('org_a', id)).toEqual({
      ...created,
      id,
      externalId,
      label,
      current,
      createdAt: NOW,
      updatedAt: NOW,
    });
  });

  it('exists once per organisation, provider, environment, external id and kind', async () => {
    const one = newAccount({ externalId: 'shop', kind: 'booking' });
    await store.accounts.create(one, NOW);
    const again = (other: object) => store.accounts.create({ ...newAccount(), ...other }, NOW);
    const same = { externalId: 'shop', kind: 'booking' };
    await expect(again(same)).rejects.toBeInstanceOf(AccountExistsError);
    await expect(again({ ...same, id: one.id, externalId: 'x' })).rejects.toBeInstanceOf(
      AccountExistsError,
    );
    for (const other of [
      { organisation: 'org_b' },
      { provider: 'etsy' },
      { environment: 'sandbox' },
      { kind: 'stopsale' },
      { kind: null },
      { externalId: 'shop2' },
    ])
      await expect(again({ ...same, ...other })).resolves.toMatchObject(other);
    await expect(again({ ...same, kind: null })).rejects.toBeInstanceOf(AccountExistsError);
  });

  it('exists once even if two callers create it concurrently', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, () => addAccount(store, { externalId: 'shop' })),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('cannot take the identity of an existing account', async () => {
    await addAccount(store, { externalId: 'shop', kind: 'booking' });
    const other = await addAccount(store, { externalId: 'shop', kind: 'stopsale' });
    const patch = store.accounts.patch('org_a', other.id, { kind: 'booking' }, NOW);
    await expect(patch).rejects.toBeInstanceOf(AccountExistsError);
  });
});

describe('another organisation’s account', () => {
  it.each<[string, (account: Account) => Promise<unknown>, unknown]>([
    ['found', ({ id }) => store.accounts.find('org_b', id), null],
    ['listed', async () => store.accounts.list({ organisation: 'org_b', limit: 10 }), []],
    ['patched', ({ id }) => store.accounts.patch('org_b', id, { label: 'mine' }, NOW), null],
    ['patched with nothing', ({ id }) => store.accounts.patch('org_b', id, {}, NOW), null],
    [
      'reconnected',
      ({ id }) => store.accounts.patch('org_b', id, { grant: grantOf('x') }, NOW),
      null,
    ],
    ['deleted', ({ id }) => store.accounts.delete('org_b', id), false],
  ])('cannot be %s, as if it did not exist', async (_what, attempt, answer) => {
    const account = await addAccount(store);
    expect(await attempt(account)).toEqual(answer);
    expect(await store.accounts.find('org_a', account.id)).toEqual(account);
  });
});

describe('the list of accounts', () => {
  it('is paged by id and filtered as requested', async () => {
    await addAccount(store, { id: 'a', kind: 'booking' });
    await addAccount(store, { id: 'b', environment: 'sandbox', expiresInMs: 90 * MINUTE });
    await addAccount(store, { id: 'c', provider: 'etsy' });
    await addAccount(store, { id: 'd', organisation: 'org_b' });
    await addAccount(store, { id: 'e', quarantine: true });
    await store.accounts.patch('org_a', 'c', { state: 'disabled' }, NOW);
    const cases: [Partial<AccountListQuery>, string[]][] = [
      [{}, ['a', 'b', 'c', 'e']],
      [{ limit: 2 }, ['a', 'b']],
      [{ limit: 2, after: { value: null, id: 'b' } }, ['c', 'e']],
      [{ after: { value: null, id: 'e' } }, []],
      [{ provider: 'ebay' }, ['a', 'b', 'e']],
      [{ environment: 'sandbox' }, ['b']],
      [{ kind: 'booking' }, ['a']],
      [{ quarantine: true }, ['e']],
      [{ quarantine: false }, ['a', 'b', 'c']],
      [{ status: { is: 'disabled', at: NOW } }, ['c']],
      [{ status: { is: 'expired', at: fromNow(MINUTE) } }, ['a', 'e']],
      [{ status: { is: 'ok', at: NOW } }, ['b']],
      [{ status: { is: 'ok', at: fromNow(75 * MINUTE) } }, []],
      [{ status: { is: 'expiring_soon', at: NOW } }, ['a', 'e']],
      [{ status: { is: 'expiring_soon', at: fromNow(75 * MINUTE) } }, ['b']],
      [{ organisation: 'org_c' }, []],
    ];
    for (const [query, ids] of cases) expect([query, await listed(query)]).toEqual([query, ids]);
  });

  it("is filtered by status, with each provider's definition of expiring soon", async () => {
    const minutes = { ended: 0, in8: 8, in12: 12, in20: 20 };
    for (const provider of ['ebay', 'etsy', 'gone'])
      for (const [name, left] of Object.entries(minutes))
        await addAccount(store, {
          id: `${provider}-${name}`,
          provider,
          expiresInMs: left * MINUTE,
        });
    const expected: [AccountStatus, string[]][] = [
      ['ok', ['ebay-in20', 'etsy-in12', 'etsy-in20', 'gone-in12', 'gone-in20']],
      ['expiring_soon', ['ebay-in12', 'ebay-in8', 'etsy-in8', 'gone-in8']],
      ['expired', ['ebay-ended', 'etsy-ended', 'gone-ended']],
    ];
    for (const [is, ids] of expected) {
      const status = { is, at: NOW };
      expect([is, await listed({ status })]).toEqual([is, ids]);
      const ofEtsy = ids.filter((id) => id.startsWith('etsy'));
      expect([is, await listed({ status, provider: 'etsy' })]).toEqual([is, ofEtsy]);
    }
  });
});

describe('quarantine', () => {
  it('is left only by the accounts of a release, named by id, by provider or both', async () => {
    for (const [id, provider] of [
      ['a', 'ebay'],
      ['b', 'etsy'],
      ['c', 'etsy'],
    ] as const)
      await addAccount(store, { id, provider, quarantine: true });
    await addAccount(store, { id: 'd', organisation: 'org_b', quarantine: true });
    const held = () => listed({ quarantine: true });
    expect(await store.quarantine.release('org_a', { provider: 'ebay', ids: ['b', 'd'] })).toBe(0);
    expect(await store.quarantine.release('org_a', { ids: ['b', 'd', 'none'] })).toBe(1);
    expect(await held()).toEqual(['a', 'c']);
    expect(await store.quarantine.release('org_a', { provider: 'etsy' })).toBe(1);
    expect(await store.quarantine.release('org_a', { provider: 'etsy' })).toBe(0);
    expect(await held()).toEqual(['a']);
    expect(await listed({ quarantine: true, organisation: 'org_b' })).toEqual(['d']);
  });
});

describe('a change by an admin during a refresh', () => {
  it('keeps the grant and the claim if it changes label or kind', async () => {
    const account = await addAccount(store);
    await store.grants.claim(claimOf(account, 'one'));
    await store.accounts.patch('org_a', account.id, { label: 'New', kind: 'booking' }, NOW);
    expect(await store.grants.commit(commitOf(account, grantOf('one')))).toBe('committed');
    await store.accounts.patch('org_a', account.id, { label: 'Newer' }, NOW);
    expect(await accountOf(store, account.id)).toMatchObject({
      label: 'Newer',
      kind: 'booking',
      generation: 2,
      current: inGeneration(2, grantOf('one')),
    });
  });

  it('C13 wins over the older refresh if it is a reconnect, and keeps the refreshed grant as an orphaned grant', async () => {
    const account = await addAccount(store);
    await store.grants.claim(claimOf(account, 'one'));
    const grant = grantOf(null, { refreshTokenFingerprint: 'r-new' });
    await store.accounts.patch('org_a', account.id, { grant, state: 'active' }, NOW);
    expect(await store.grants.commit(commitOf(account, grantOf('one')))).toBe('kept_as_orphan');
    expect(await store.grants.recordFailure(failureRecordOf(account, 'one', 'invalid_grant'))).toBe(
      false,
    );
    expect(await accountOf(store, account.id)).toMatchObject({
      generation: 2,
      current: inGeneration(2, grant),
      state: 'active',
      claim: null,
      orphanedGrants: [inGeneration(2, grantOf('one'))],
    });
  });

  it('C13 is applied to the refreshed grant if a refresh commits during a reconnect', async () => {
    for (let round = 0; round < 20; round += 1) {
      const account = await addAccount(store);
      const grant = grantOf(null, { refreshTokenFingerprint: 'r-new' });
      await Promise.all([
        store.accounts.patch('org_a', account.id, { grant }, NOW),
        store.grants.commit(commitOf(account, grantOf('one'))),
      ]);
      const { current, generation } = await accountOf(store, account.id);
      expect(current).toEqual(inGeneration(generation, grant));
    }
  });

  it('R1.9 removes the old error if it reconnects a refused account', async () => {
    const account = await addAccount(store);
    await store.grants.claim(claimOf(account, 'one'));
    await store.grants.recordFailure(failureRecordOf(account, 'one', 'invalid_grant'));
    const patched = await store.accounts.patch(
      'org_a',
      account.id,
      { grant: grantOf(null), state: 'active' },
      NOW,
    );
    expect(patched).toMatchObject({
      state: 'active',
      stateReason: null,
      lastError: null,
      failedAttempts: 0,
      nextAttemptAt: null,
    });
  });

  it('prevents a refresh from restoring a deleted account', async () => {
    const account = await addAccount(store);
    await store.grants.claim(claimOf(account, 'one'));
    expect(await store.accounts.delete('org_a', account.id)).toBe(true);
    expect(await store.grants.commit(commitOf(account, grantOf('one')))).toBe('absent');
    expect(await store.accounts.isEmpty()).toBe(true);
  });
});
