/** Writes at the end of a refresh: no received grant is lost, and a losing refresh never changes the winner's state. */
import type { Account } from '../../../src/domain/account/account';
import type { SealedGrant } from '../../../src/domain/account/grant';
import type { RefreshFailureCode } from '../../../src/domain/refresh/refresh-failure';
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
  storeForTest,
  type TestStore,
} from '../_store';

let store: TestStore;
let account: Account;

beforeAll(async () => {
  store = await storeForTest();
});
afterAll(() => store.close());
beforeEach(async () => {
  account = await addAccount(store);
});

const claim = (attemptId: string) => store.grants.claim(claimOf(account, attemptId));
const commit = (attemptId: string) => store.grants.commit(commitOf(account, grantOf(attemptId)));
const recordFailure = (attemptId: string, code: RefreshFailureCode, of = account) =>
  store.grants.recordFailure(failureRecordOf(of, attemptId, code));
const now = () => accountOf(store, account.id);

const byName = (one: string | null, other: string | null) =>
  String(one).localeCompare(String(other));

describe('commit', () => {
  it('makes the grant the current one, keeps the previous one, and releases the claim', async () => {
    await claim('one');
    expect(await commit('one')).toBe('committed');
    expect(await now()).toMatchObject({
      generation: 2,
      current: inGeneration(2, grantOf('one')),
      previous: account.current,
      orphanedGrants: [],
      claim: null,
      state: 'active',
      lastRefreshedAt: NOW,
      lastAttempt: { attemptId: 'one', outcome: 'refreshed', source: 'scheduled', finishedAt: NOW },
    });
  });

  it('keeps the end that counts from the consent', async () => {
    const grant = grantOf('one', { refreshTokenEndsAt: fromNow(MINUTE).toISOString() });
    await store.grants.commit(commitOf(account, grant));
    expect((await now()).current).toEqual(inGeneration(2, grant));
  });

  it('keeps a warning over a rotation with the same expiry, and drops it with a later expiry', async () => {
    const end = (minutes: number) => ({ refreshTokenExpiresAt: fromNow(minutes).toISOString() });
    const day = 24 * 60 * 60_000;
    const warned = await addAccount(store, { grant: grantOf(null, end(day)) });
    await store.refreshTokenWarnings.mark(warned, 1, NOW);
    const committed = async (attemptId: string, more: Partial<SealedGrant>) => {
      const before = await accountOf(store, warned.id);
      await store.grants.claim(claimOf(before, attemptId));
      await store.grants.commit(commitOf(before, grantOf(attemptId, more)));
      return (await accountOf(store, warned.id)).refreshTokenWarnedDays;
    };
    const hour = 60 * 60_000;
    const rotated = { ...end(day), obtainedAt: fromNow(hour).toISOString() };
    expect(await committed('one', rotated)).toBe(1);
    const renewed = { ...end(day + hour), obtainedAt: fromNow(2 * hour).toISOString() };
    expect(await committed('two', renewed)).toBeNull();
  });

  it('R1.9 removes the old error', async () => {
    await claim('one');
    await recordFailure('one', 'invalid_grant');
    expect(await now()).toMatchObject({ state: 'needs_reconnect', failedAttempts: 1 });
    await claim('two');
    await commit('two');
    expect(await now()).toMatchObject({
      state: 'active',
      stateReason: null,
      lastError: null,
      failedAttempts: 0,
      nextAttemptAt: null,
    });
  });

  it('is applied once if it is repeated', async () => {
    await claim('one');
    const input = commitOf(account, grantOf('one'));
    expect(await store.grants.commit(input)).toBe('committed');
    const once = await now();
    expect(await store.grants.commit(input)).toBe('committed');
    expect(await now()).toEqual(once);
  });

  it('changes nothing if it is repeated after the next refresh', async () => {
    const input = commitOf(account, grantOf('one'));
    await store.grants.commit(input);
    await store.grants.commit(commitOf(await now(), grantOf('two')));
    const before = await now();
    await store.grants.commit(input);
    expect(await now()).toEqual(before);
  });

  it('stores the grant of the losing refresh once, as an orphaned grant, and overwrites nothing', async () => {
    const loser = commitOf(account, grantOf('two'));
    await commit('one');
    expect(await store.grants.commit(loser)).toBe('kept_as_orphan');
    expect(await store.grants.commit(loser)).toBe('kept_as_orphan');
    expect(await now()).toMatchObject({
      generation: 2,
      current: inGeneration(2, grantOf('one')),
      previous: account.current,
      orphanedGrants: [inGeneration(2, grantOf('two'))],
    });
  });

  it('makes one of six concurrent grants current and loses none', async () => {
    const attempts = Array.from({ length: 6 }, (_, index) => `racer-${index}`);
    const results = await Promise.all(attempts.map(commit));
    expect(results.filter((result) => result === 'committed')).toHaveLength(1);
    const { current, orphanedGrants, generation } = await now();
    expect(generation).toBe(2);
    expect([current, ...orphanedGrants].map(({ attemptId }) => attemptId).toSorted(byName)).toEqual(
      attempts,
    );
  });

  it('stores nothing for a deleted account', async () => {
    await store.accounts.delete('org_a', account.id);
    expect(await commit('one')).toBe('absent');
    expect(await store.grants.read(account.id)).toBeNull();
  });

  it('stores the grant of an account that was disabled meanwhile, and leaves it disabled', async () => {
    await claim('one');
    const patch = { state: 'disabled' as const, stateReason: 'Disabled by an admin.' };
    await store.accounts.patch('org_a', account.id, patch, NOW);
    expect(await commit('one')).toBe('committed');
    expect(await now()).toMatchObject({
      current: inGeneration(2, grantOf('one')),
      generation: 2,
      claim: null,
      state: 'disabled',
      stateReason: 'Disabled by an admin.',
    });
  });
});

describe('recordFailure', () => {
  it('keeps a request with a lost response until a refresh succeeds', async () => {
    const unanswered = {
      attemptId: 'one',
      sentAt: fromNow(-1000),
      refreshTokenFingerprint: 'r-entered',
      cause: 'worker_stopped',
    } as const;
    await claim('one');
    await store.grants.recordFailure({
      ...failureRecordOf(account, 'one', 'worker_lost'),
      unanswered,
    });
    expect((await now()).unanswered).toEqual(unanswered);
    await claim('two');
    await recordFailure('two', 'provider_unavailable', await now());
    expect((await now()).unanswered).toEqual(unanswered);
    await claim('three');
    await commit('three');
    expect((await now()).unanswered).toBeNull();
  });

  it.each<[RefreshFailureCode, object]>([
    [
      'invalid_grant',
      {
        state: 'needs_reconnect',
        failedAttempts: 1,
        nextAttemptAt: null,
        lastError: { status: 400 },
      },
    ],
    [
      'provider_unavailable',
      { state: 'active', failedAttempts: 1, nextAttemptAt: fromNow(10_000) },
    ],
    ['key_mismatch', { state: 'active', failedAttempts: 1, lastError: { class: 'ours' } }],
    [
      'invalid_client',
      { state: 'active', failedAttempts: 0, nextAttemptAt: null, lastError: null },
    ],
    ['rate_limited', { failedAttempts: 0, nextAttemptAt: fromNow(1000), lastError: null }],
  ])('writes the effect of %s on the account, and releases the claim', async (code, expected) => {
    await claim('one');
    expect(await recordFailure('one', code)).toBe(true);
    expect(await now()).toMatchObject({
      ...expected,
      claim: null,
      generation: 1,
      current: account.current,
      lastAttempt: { attemptId: 'one', outcome: 'failed' },
    });
  });

  it('counts once if it is repeated', async () => {
    await claim('one');
    await recordFailure('one', 'provider_unavailable');
    expect(await recordFailure('one', 'provider_unavailable')).toBe(false);
    expect((await now()).failedAttempts).toBe(1);
  });

  it('changes nothing if the attempt does not hold the claim', async () => {
    await claim('one');
    const before = await now();
    expect(await recordFailure('two', 'invalid_grant')).toBe(false);
    expect(await now()).toEqual(before);
  });

  it('changes nothing if another refresh has won', async () => {
    await claim('one');
    await commit('other');
    const before = await now();
    expect(await recordFailure('one', 'invalid_grant')).toBe(false);
    expect(await now()).toEqual(before);
  });

  it('releases the claim of an account that was disabled meanwhile, and leaves it disabled', async () => {
    await claim('one');
    await store.accounts.patch('org_a', account.id, { state: 'disabled', stateReason: 'x' }, NOW);
    expect(await recordFailure('one', 'invalid_grant')).toBe(true);
    expect(await now()).toMatchObject({
      state: 'disabled',
      stateReason: 'x',
      claim: null,
      lastError: { code: 'invalid_grant' },
    });
  });
});

/** An account with the winner's grant, an orphaned grant of the refresh that lost, and a claim by `attempt`. */
async function withOrphan(orphan = grantOf('two')): Promise<Account> {
  await commit('one');
  await store.grants.commit(commitOf(account, orphan));
  await store.grants.claim(claimOf(account, 'attempt'));
  return now();
}

describe('adoptOrphan', () => {
  it('adopts an orphaned grant whose refresh token differs from the refused one', async () => {
    expect(await store.grants.adoptOrphan(await withOrphan(), 'attempt', NOW)).toBe(true);
    expect(await now()).toMatchObject({
      generation: 3,
      current: inGeneration(3, grantOf('two')),
      previous: inGeneration(2, grantOf('one')),
      orphanedGrants: [],
      claim: null,
      state: 'active',
    });
  });

  it('adopts no grant with the refused refresh token', async () => {
    const same = grantOf('two', { refreshTokenFingerprint: 'r-one' });
    const before = await withOrphan(same);
    expect(await store.grants.adoptOrphan(before, 'attempt', NOW)).toBe(false);
    expect(await now()).toEqual(before);
  });

  it.each<[string, string, (before: Account) => Promise<unknown>]>([
    ['without the claim', 'another', async () => undefined],
    [
      'after the generation changed',
      'attempt',
      (before) => store.grants.commit(commitOf(before, grantOf('three'))),
    ],
  ])('does nothing %s', async (_when, attemptId, meanwhile) => {
    const before = await withOrphan();
    await meanwhile(before);
    expect(await store.grants.adoptOrphan(before, attemptId, NOW)).toBe(false);
    expect((await now()).orphanedGrants).toEqual([inGeneration(2, grantOf('two'))]);
  });

  it('keeps an orphaned grant that arrived after the account was read', async () => {
    const before = await withOrphan();
    await store.grants.commit(commitOf(account, grantOf('late')));
    expect(await store.grants.adoptOrphan(before, 'attempt', NOW)).toBe(true);
    expect(await now()).toMatchObject({
      current: inGeneration(3, grantOf('two')),
      orphanedGrants: [inGeneration(2, grantOf('late'))],
    });
  });
});
