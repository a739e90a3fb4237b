/** Candidate and replaced grants: the writes around an attempt with a candidate, and retention of replaced grants. */
import type { Account } from '../../../src/domain/account/account';
import { newCandidate } from '../../../src/domain/account/reconnect';
import { refreshFailure } from '../../../src/domain/refresh/refresh-failure';
import {
  accountOf,
  addAccount,
  claimOf,
  commitOf,
  fromNow,
  grantOf,
  inGeneration,
  MINUTE,
  NOW,
  storeForTest,
  type TestStore,
} from '../_store';

const DAY = 24 * 60 * MINUTE;
const HANDED_IN = 'r-handed-in';

let store: TestStore;
beforeAll(async () => {
  store = await storeForTest();
});
afterAll(() => store.close());

const submitted = (name = 'handed-in') => newCandidate(grantOf(name), 'key 1', NOW);

/** An account with a waiting candidate, and the claim of an attempt that tries it. */
async function waiting(attemptId: string): Promise<Account> {
  const account = await addAccount(store);
  expect(await store.reconnects.submit(account, submitted(), null)).toBe(true);
  const claimed = await store.grants.claim(claimOf(account, attemptId));
  if (claimed.kind !== 'claimed') throw new Error(claimed.kind);
  return claimed.account;
}

const sendingOf = (account: Account, attemptId: string) => ({
  accountId: account.id,
  attemptId,
  generation: account.generation,
  refreshTokenFingerprint: account.candidate?.fingerprint ?? '',
  candidate: account.candidate,
});

const failureRecordOf = (account: Account, attemptId: string, retryAt: Date | null) => ({
  account,
  attemptId,
  source: 'api' as const,
  candidate: submitted(),
  failure: refreshFailure(retryAt === null ? 'invalid_grant' : 'provider_unavailable'),
  retryAt,
  now: NOW,
});

describe('a candidate grant', () => {
  it('waits beside the current grant, and makes the account due at once', async () => {
    const before = await addAccount(store, { expiresInMs: 60 * MINUTE, refreshedAgoMs: 0 });
    await store.reconnects.submit(before, submitted(), null);
    const after = await accountOf(store, before.id);
    expect(after).toMatchObject({
      generation: 1,
      state: 'active',
      current: before.current,
      candidate: { fingerprint: HANDED_IN, by: 'key 1', since: NOW },
      dueTimes: { dueAt: NOW },
    });
  });

  it('replaces a waiting candidate, but not one that is being sent', async () => {
    const account = await waiting('sending');
    expect(await store.reconnects.submit(account, submitted('another'), null)).toBe(true);
    // The attempt had read the previous candidate.
    expect(await store.grants.recordSendIntent(sendingOf(account, 'sending'), NOW)).toBe(false);
    await store.grants.release(account.id, 'sending');
    const claimed = await store.grants.claim(claimOf(account, 'next'));
    if (claimed.kind !== 'claimed') throw new Error(claimed.kind);
    expect(await store.grants.recordSendIntent(sendingOf(claimed.account, 'next'), NOW)).toBe(true);
    const sending = await accountOf(store, account.id);
    expect(await store.reconnects.submit(sending, submitted('third'), null)).toBe(false);
  });

  it('becomes current with the tokens of its refresh, and the previous grant is kept', async () => {
    const account = await waiting('taken');
    const grant = grantOf('taken');
    const commit = { ...commitOf(account, grant), candidate: HANDED_IN };
    expect(await store.grants.commit(commit)).toBe('committed');
    // Safe to repeat.
    expect(await store.grants.commit(commit)).toBe('committed');
    expect(await accountOf(store, account.id)).toMatchObject({
      generation: 2,
      current: inGeneration(2, grant),
      candidate: null,
      claim: null,
      replaced: { grant: account.current, at: NOW, until: fromNow(30 * DAY) },
      lastReconnect: { outcome: 'accepted', fingerprint: HANDED_IN, logEntryId: 'taken' },
    });
  });

  it('does not inherit the warnings about the previous grant', async () => {
    const expiry = { refreshTokenExpiresAt: fromNow(20 * DAY).toISOString() };
    const account = await addAccount(store, { grant: grantOf(null, expiry) });
    await store.refreshTokenWarnings.mark(account, 30, NOW);
    const before = await accountOf(store, account.id);
    expect(before.refreshTokenWarnedDays).toBe(30);
    await store.reconnects.submit(before, submitted(), null);
    const claimed = await store.grants.claim(claimOf(account, 'warned'));
    if (claimed.kind !== 'claimed') throw new Error(claimed.kind);
    const commit = commitOf(claimed.account, grantOf('warned', expiry));
    await store.grants.commit({ ...commit, candidate: HANDED_IN });
    expect((await accountOf(store, account.id)).refreshTokenWarnedDays).toBeNull();
  });

  it('becomes current even if another refresh was stored meanwhile, whose grant is kept', async () => {
    const account = await waiting('late');
    const other = grantOf('other');
    await store.grants.commit(commitOf(account, other));
    const commit = { ...commitOf(account, grantOf('late')), candidate: HANDED_IN };
    expect(await store.grants.commit(commit)).toBe('committed');
    expect(await accountOf(store, account.id)).toMatchObject({
      generation: 3,
      current: { attemptId: 'late' },
      candidate: null,
      replaced: { grant: inGeneration(2, other) },
      orphanedGrants: [],
    });
  });

  it('does not remove a candidate that was submitted after it was sent', async () => {
    const account = await waiting('first');
    await store.reconnects.submit(account, submitted('second'), null);
    const commit = { ...commitOf(account, grantOf('first')), candidate: HANDED_IN };
    expect(await store.grants.commit(commit)).toBe('committed');
    expect(await accountOf(store, account.id)).toMatchObject({
      current: { attemptId: 'first' },
      candidate: { fingerprint: 'r-second' },
    });
  });

  it('is dropped after a refusal, and nothing else of the account changes', async () => {
    const account = await waiting('refused');
    expect(
      await store.grants.recordCandidateFailure(failureRecordOf(account, 'refused', null)),
    ).toBe(true);
    expect(await accountOf(store, account.id)).toMatchObject({
      generation: 1,
      state: 'active',
      current: account.current,
      candidate: null,
      claim: null,
      lastError: null,
      failedAttempts: 0,
      nextAttemptAt: null,
      lastAttempt: { attemptId: 'refused', outcome: 'failed', ofCandidate: true },
      lastReconnect: { outcome: 'refused', failure: { code: 'invalid_grant' } },
    });
  });

  it('keeps waiting if it could not be tried', async () => {
    const account = await waiting('failed');
    await store.grants.recordCandidateFailure(failureRecordOf(account, 'failed', fromNow(MINUTE)));
    expect(await accountOf(store, account.id)).toMatchObject({
      candidate: {
        failedAttempts: 1,
        nextAttemptAt: fromNow(MINUTE),
        lastFailure: { code: 'provider_unavailable', at: NOW },
      },
      lastError: null,
      lastReconnect: null,
    });
  });

  it('does not answer requests to refresh the current grant if its attempt failed', async () => {
    const account = await waiting('failed');
    await store.grants.recordCandidateFailure(failureRecordOf(account, 'failed', null));
    const since = { unlessAttemptedSince: fromNow(-MINUTE) };
    const claimed = await store.grants.claim(claimOf(account, 'ordinary', since));
    expect(claimed.kind).toBe('claimed');
  });

  it('can be tried on an account whose current refresh token must not be sent', async () => {
    const account = await addAccount(store);
    await store.restores.markStale(account, 2, NOW);
    expect((await store.grants.claim(claimOf(account, 'none'))).kind).toBe('stale_restore');
    await store.reconnects.submit(await accountOf(store, account.id), submitted(), null);
    const claimed = await store.grants.claim(claimOf(account, 'tries'));
    if (claimed.kind !== 'claimed') throw new Error(claimed.kind);
    const { candidate: _, ...current } = sendingOf(claimed.account, 'tries');
    expect(await store.grants.recordSendIntent(current, NOW)).toBe(false);
    expect(await store.grants.recordSendIntent(sendingOf(claimed.account, 'tries'), NOW)).toBe(
      true,
    );
  });

  it('is dropped with the replaced grant if the database was restored from a backup', async () => {
    const account = await waiting('claimed');
    await store.restores.markStale(account, 5, NOW);
    expect(await accountOf(store, account.id)).toMatchObject({ candidate: null, replaced: null });
  });
});

it('a grant that is stored untried in quarantine drops an earlier candidate', async () => {
  const account = await addAccount(store, { expiresInMs: 60 * MINUTE, refreshedAgoMs: 0 });
  await store.reconnects.submit(account, submitted(), null);
  const grant = grantOf('newer', { attemptId: null });
  await store.accounts.patch('org_a', account.id, { grant, quarantine: true }, NOW);
  const after = await accountOf(store, account.id);
  expect(after).toMatchObject({ current: inGeneration(2, grant), candidate: null });
  expect(after.dueTimes.dueAt).not.toEqual(NOW);
  await store.reconnects.submit({ ...after, quarantine: false }, submitted(), null);
  const imported = grantOf('imported', { attemptId: null });
  await store.quarantine.replaceGrant(await accountOf(store, account.id), imported, null, NOW);
  expect(await accountOf(store, account.id)).toMatchObject({
    current: inGeneration(3, imported),
    candidate: null,
  });
});

it('a replaced grant is deleted once its refresh token has expired', async () => {
  const expires = { refreshTokenExpiresAt: fromNow(DAY).toISOString() };
  const account = await addAccount(store, { grant: grantOf(null, expires) });
  const grant = grantOf('replacing', { attemptId: null });
  await store.accounts.patch('org_a', account.id, { grant }, NOW);
  const replaced = async () => (await accountOf(store, account.id)).replaced;
  expect(await replaced()).toMatchObject({ until: fromNow(DAY) });
  await store.reconnects.dropExpired(fromNow(DAY - 1));
  expect(await replaced()).not.toBeNull();
  await store.reconnects.dropExpired(fromNow(DAY));
  expect(await replaced()).toBeNull();
});

it('key rotation finds and replaces each encrypted value of both', async () => {
  const own = await storeForTest();
  const account = await addAccount(own);
  const grant = grantOf('replacing', { attemptId: null });
  await own.accounts.patch('org_a', account.id, { grant }, NOW);
  await own.reconnects.submit(await accountOf(own, account.id), submitted(), null);
  const { records } = await own.sealedRecords.page('k2', null, 10);
  const values = records[0]?.values ?? [];
  expect(values.map(({ path }) => path)).toEqual(
    expect.arrayContaining(
      ['candidate', 'replaced'].flatMap((member) =>
        ['access_token', 'refresh_token'].map((token) => `${member}.grant.${token}`),
      ),
    ),
  );
  expect(values.map(({ place }) => place.account)).toEqual(values.map(() => account.id));
  const resealed = (sealed: string) => sealed.replace(':k1:', ':k2:');
  await own.sealedRecords.replace(
    records.map((record) => ({
      ...record,
      values: record.values.map((value) => ({ ...value, resealed: resealed(value.sealed) })),
    })),
  );
  // Only the canary's.
  expect(await own.sealedRecords.countWith('k1')).toBe(1);
  expect((await accountOf(own, account.id)).candidate?.grant.refreshToken).toMatch(/^ENC:v1:k2:/);
  await own.close();
});
