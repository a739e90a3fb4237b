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
const settle = (attemptId: string, code: RefreshFailureCode, of = account) =>
  store.grants.recordFailure(failureRecordOf(of, attemptId, code));
const now = () => accountOf(store, account.id);

const byName = (one: string | null, other: string | null) =>
  String(one).localeCompare(String(other));

describe('commit', () => {
  it('makes the grant the current one, keeps the one before, and frees the account', async () => {
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

  it('keeps a warning over a rotation that leaves the expiry as it is, and forgets it with a later one', async () => {
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

  it('R1.9 leaves no old error behind', async () => {
    await claim('one');
    await settle('one', 'invalid_grant');
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

  it('done twice is done once', async () => {
    await claim('one');
    const input = commitOf(account, grantOf('one'));
    expect(await store.grants.commit(input)).toBe('committed');
    const once = await now();
    expect(await store.grants.commit(input)).toBe('committed');
    expect(await now()).toEqual(once);
  });

  it('done again after the next refresh changes nothing either', async () => {
    const input = commitOf(account, grantOf('one'));
    await store.grants.commit(input);
    await store.grants.commit(commitOf(await now(), grantOf('two')));
    const before = await now();
    await store.grants.commit(input);
    expect(await now()).toEqual(before);
  });

  it('of who lost the race is kept as a leaf, once, and overwrites nothing', async () => {
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

  it('of six at one moment makes one current and loses none', async () => {
    const attempts = Array.from({ length: 6 }, (_, index) => `racer-${index}`);
    const results = await Promise.all(attempts.map(commit));
    expect(results.filter((result) => result === 'committed')).toHaveLength(1);
    const { current, orphanedGrants, generation } = await now();
    expect(generation).toBe(2);
    expect([current, ...orphanedGrants].map(({ attemptId }) => attemptId).toSorted(byName)).toEqual(
      attempts,
    );
  });

  it('to a deleted account stores nothing', async () => {
    await store.accounts.delete('org_a', account.id);
    expect(await commit('one')).toBe('absent');
    expect(await store.grants.read(account.id)).toBeNull();
  });

  it('keeps the grant of an account that was disabled meanwhile, and keeps it disabled', async () => {
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

describe('record_failure', () => {
  it('keeps a request whose answer was lost until a refresh succeeds', async () => {
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
    await settle('two', 'provider_unavailable', await now());
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
  ])('writes what %s means for the account, and frees it', async (code, expected) => {
    await claim('one');
    expect(await settle('one', code)).toBe(true);
    expect(await now()).toMatchObject({
      ...expected,
      claim: null,
      generation: 1,
      current: account.current,
      lastAttempt: { attemptId: 'one', outcome: 'failed' },
    });
  });

  it('done twice counts once', async () => {
    await claim('one');
    await settle('one', 'provider_unavailable');
    expect(await settle('one', 'provider_unavailable')).toBe(false);
    expect((await now()).failedAttempts).toBe(1);
  });

  it('of an attempt without the claim changes nothing', async () => {
    await claim('one');
    const before = await now();
    expect(await settle('two', 'invalid_grant')).toBe(false);
    expect(await now()).toEqual(before);
  });

  it('of who lost the race changes nothing of the winner’s account', async () => {
    await claim('one');
    await commit('other');
    const before = await now();
    expect(await settle('one', 'invalid_grant')).toBe(false);
    expect(await now()).toEqual(before);
  });

  it('of an account that was disabled meanwhile frees it, and keeps it disabled', async () => {
    await claim('one');
    await store.accounts.patch('org_a', account.id, { state: 'disabled', stateReason: 'x' }, NOW);
    expect(await settle('one', 'invalid_grant')).toBe(true);
    expect(await now()).toMatchObject({
      state: 'disabled',
      stateReason: 'x',
      claim: null,
      lastError: { code: 'invalid_grant' },
    });
  });
});

/** An account with the winner's grant, an orphaned grant of the refresh that lost, and a claim by `attempt`. */
async function withLeaf(leaf = grantOf('two')): Promise<Account> {
  await commit('one');
  await store.grants.commit(commitOf(account, leaf));
  await store.grants.claim(claimOf(account, 'attempt'));
  return now();
}

describe('adoptOrphan', () => {
  it('takes a leaf with another refresh token than the refused one', async () => {
    expect(await store.grants.adoptOrphan(await withLeaf(), 'attempt', NOW)).toBe(true);
    expect(await now()).toMatchObject({
      generation: 3,
      current: inGeneration(3, grantOf('two')),
      previous: inGeneration(2, grantOf('one')),
      orphanedGrants: [],
      claim: null,
      state: 'active',
    });
  });

  it('takes none that has the refused refresh token', async () => {
    const same = grantOf('two', { refreshTokenFingerprint: 'r-one' });
    const before = await withLeaf(same);
    expect(await store.grants.adoptOrphan(before, 'attempt', NOW)).toBe(false);
    expect(await now()).toEqual(before);
  });

  it.each<[string, string, (before: Account) => Promise<unknown>]>([
    ['without the claim', 'somebody', async () => undefined],
    [
      'after the generation moved on',
      'attempt',
      (before) => store.grants.commit(commitOf(before, grantOf('three'))),
    ],
  ])('does nothing %s', async (_when, attemptId, meanwhile) => {
    const before = await withLeaf();
    await meanwhile(before);
    expect(await store.grants.adoptOrphan(before, attemptId, NOW)).toBe(false);
    expect((await now()).orphanedGrants).toEqual([inGeneration(2, grantOf('two'))]);
  });

  it('orphaned_grants a leaf alone that came after the account was read', async () => {
    const before = await withLeaf();
    await store.grants.commit(commitOf(account, grantOf('late')));
    expect(await store.grants.adoptOrphan(before, 'attempt', NOW)).toBe(true);
    expect(await now()).toMatchObject({
      current: inGeneration(3, grantOf('two')),
      orphanedGrants: [inGeneration(2, grantOf('late'))],
    });
  });
});
