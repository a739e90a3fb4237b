/** Claims: of concurrent refreshers of one account, exactly one may send. */
import mongoose from 'mongoose';
import type { Account } from '../../../src/domain/account/account';
import { LEASE_MS } from '../../../src/store/accounts/grants';
import {
  accountOf,
  addAccount,
  claimOf,
  commitOf,
  failureRecordOf,
  fromNow,
  grantOf,
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

const claim = (attemptId: string, input = {}) =>
  store.grants.claim(claimOf(account, attemptId, input));
const sending = (attemptId: string, now = NOW, generation = account.generation) =>
  store.grants.recordSendIntent(
    { accountId: account.id, attemptId, generation, refreshTokenFingerprint: 'fp' },
    now,
  );

describe('claim', () => {
  it('gives the first caller the account as read, and reports claimed_elsewhere to the second', async () => {
    const first = await claim('one');
    expect(first).toMatchObject({ kind: 'claimed', account: { id: account.id, claim: null } });
    expect(await claim('two')).toMatchObject({
      kind: 'claimed_elsewhere',
      leaseUntil: fromNow(LEASE_MS),
    });
    expect((await accountOf(store, account.id)).claim).toEqual({
      attemptId: 'one',
      worker: 'worker-1',
      source: 'scheduled',
      at: NOW,
      leaseUntil: fromNow(LEASE_MS),
    });
  });

  it('is granted to one of 200 concurrent callers', async () => {
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, index) => claim(`attempt-${index}`)),
    );
    const kinds = results.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'claimed')).toHaveLength(1);
    expect(kinds.filter((kind) => kind === 'claimed_elsewhere')).toHaveLength(199);
  });

  it('P1 is reported per account if many accounts are claimed at once', async () => {
    const accounts = await Promise.all(Array.from({ length: 6 }, () => addAccount(store)));
    const [, , disabled, taken] = accounts as [Account, Account, Account, Account];
    await store.accounts.patch('org_a', disabled.id, { state: 'disabled' }, NOW);
    await store.grants.claim(claimOf(taken, 'earlier'));
    const results = await Promise.all([
      ...accounts.map((one) => store.grants.claim(claimOf(one, `of-${one.id}`))),
      store.grants.claim({ ...claimOf(account, 'one'), accountId: 'acc_none' }),
    ]);
    expect(results.map(({ kind }) => kind)).toEqual([
      'claimed',
      'claimed',
      'disabled',
      'claimed_elsewhere',
      'claimed',
      'claimed',
      'absent',
    ]);
    for (const [index, one] of accounts.entries()) {
      const result = results[index];
      if (result?.kind !== 'claimed') continue;
      expect(result.account).toEqual(one);
      expect((await accountOf(store, one.id)).claim?.attemptId).toBe(`of-${one.id}`);
    }
  });

  it('is recognised by its attempt after the response to a batch was lost', async () => {
    const accounts = await Promise.all(Array.from({ length: 4 }, () => addAccount(store)));
    const { prototype } = mongoose.mongo.Collection;
    const write = prototype.bulkWrite;
    const lost = jest.spyOn(prototype, 'bulkWrite').mockImplementationOnce(async function (
      this: mongoose.mongo.Collection,
      ...input
    ) {
      await write.apply(this, input);
      throw new Error('the connection broke');
    });
    try {
      const results = await Promise.all(
        accounts.map((one) => store.grants.claim(claimOf(one, `of-${one.id}`))),
      );
      expect(lost).toHaveBeenCalledTimes(1);
      expect(results.map(({ kind }) => kind)).toEqual(Array(4).fill('claimed'));
    } finally {
      lost.mockRestore();
    }
  });

  it('P1 is granted once per attempt id, whatever the lease', async () => {
    await claim('one');
    expect((await claim('one', { now: fromNow(1) })).kind).toBe('already_claimed');
    await sending('one');
    for (const now of [NOW, fromNow(LEASE_MS + 1)])
      expect((await claim('one', { now })).kind).toBe('already_claimed');
    expect((await accountOf(store, account.id)).claim).toMatchObject({ attemptId: 'one', at: NOW });
  });

  it('is refused with the reason for a missing or disabled account', async () => {
    expect(await store.grants.claim({ ...claimOf(account, 'one'), accountId: 'acc_none' })).toEqual(
      {
        kind: 'absent',
      },
    );
    await store.accounts.patch('org_a', account.id, { state: 'disabled' }, NOW);
    expect((await claim('one')).kind).toBe('disabled');
  });

  it('is refused in quarantine for every kind of request, and granted after the release', async () => {
    await store.accounts.patch('org_a', account.id, { quarantine: true }, NOW);
    for (const source of ['scheduled', 'debug', 'admin', 'api'] as const)
      expect((await claim(`by-${source}`, { source })).kind).toBe('quarantined');
    expect((await accountOf(store, account.id)).claim).toBeNull();
    await store.accounts.patch('org_a', account.id, { quarantine: false }, NOW);
    expect((await claim('one')).kind).toBe('claimed');
  });

  it('is granted for an account that needs a reconnect, because a manual refresh still tries it', async () => {
    await store.accounts.patch('org_a', account.id, { state: 'needs_reconnect' }, NOW);
    expect((await claim('one')).kind).toBe('claimed');
  });

  it('is reported as abandoned after its lease expired, and not overwritten', async () => {
    await claim('one');
    await sending('one');
    expect((await claim('two', { now: fromNow(LEASE_MS - 1) })).kind).toBe('claimed_elsewhere');
    expect(await claim('two', { now: fromNow(LEASE_MS) })).toMatchObject({
      kind: 'abandoned',
      claim: { attemptId: 'one', sentAt: NOW, generation: 1, refreshTokenFingerprint: 'fp' },
    });
    expect((await accountOf(store, account.id)).claim?.attemptId).toBe('one');
  });

  it('counts as abandoned before its lease expires if an earlier attempt of the same workflow holds it', async () => {
    await claim('one');
    expect(await claim('two', { supersedes: ['one'] })).toMatchObject({
      kind: 'abandoned',
      claim: { attemptId: 'one' },
    });
    expect((await claim('three', { supersedes: ['another'] })).kind).toBe('claimed_elsewhere');
  });

  it('can be made again after the failure of the abandoned one is recorded', async () => {
    await claim('one');
    await sending('one');
    expect(await store.grants.recordFailure(failureRecordOf(account, 'one', 'answer_lost'))).toBe(
      true,
    );
    expect((await claim('two', { now: fromNow(MINUTE) })).kind).toBe('claimed');
  });

  it('is not made if an attempt that finished meanwhile answers the request', async () => {
    await claim('one');
    await store.grants.commit(commitOf(account, grantOf('one'), fromNow(500)));
    expect(await claim('two', { unlessAttemptedSince: NOW })).toMatchObject({
      kind: 'answered',
      attempt: { attemptId: 'one', outcome: 'refreshed', finishedAt: fromNow(500) },
    });
    expect((await claim('two', { unlessAttemptedSince: fromNow(501) })).kind).toBe('claimed');
  });

  it('is not made by a workflow whose earlier attempt had finished', async () => {
    await claim('one');
    await store.grants.commit(commitOf(account, grantOf('one')));
    expect(await claim('two', { supersedes: ['one'] })).toMatchObject({
      kind: 'answered',
      attempt: { attemptId: 'one' },
    });
  });

  it('P1 is not made by a finished attempt, whatever the clocks say', async () => {
    await claim('one');
    await store.grants.commit(commitOf(account, grantOf('one')));
    for (const unlessAttemptedSince of [null, fromNow(MINUTE)])
      expect(await claim('one', { unlessAttemptedSince })).toMatchObject({
        kind: 'answered',
        attempt: { attemptId: 'one' },
      });
  });

  it('can be released only by its owner, and is then free for the next attempt', async () => {
    await claim('one');
    await store.grants.release(account.id, 'two');
    expect((await claim('two')).kind).toBe('claimed_elsewhere');
    await store.grants.release(account.id, 'one');
    expect((await claim('two')).kind).toBe('claimed');
  });
});

describe('recordSendIntent', () => {
  it('restarts the lease and records the request that is about to be sent', async () => {
    await claim('one');
    expect(await sending('one', fromNow(10_000))).toBe(true);
    expect((await accountOf(store, account.id)).claim).toMatchObject({
      sentAt: fromNow(10_000),
      leaseUntil: fromNow(10_000 + LEASE_MS),
      generation: 1,
      refreshTokenFingerprint: 'fp',
    });
  });

  it.each<[string, () => Promise<unknown>]>([
    ['without a claim', async () => undefined],
    ["under another attempt's claim", () => claim('two')],
    [
      'for an account that entered quarantine after the claim',
      async () => {
        await claim('one');
        await store.accounts.patch('org_a', account.id, { quarantine: true }, NOW);
      },
    ],
    [
      'after another worker recorded the failure of the abandoned claim',
      async () => {
        await claim('one');
        await store.grants.recordFailure(failureRecordOf(account, 'one', 'attempt_interrupted'));
        await claim('two');
      },
    ],
    [
      'after another refresh was committed',
      async () => {
        await claim('one');
        await store.grants.commit(commitOf(account, grantOf('other')));
      },
    ],
    [
      'after a person reconnected the account',
      async () => {
        await claim('one');
        await store.accounts.patch('org_a', account.id, { grant: grantOf('new') }, NOW);
      },
    ],
    [
      'after the account was deleted',
      async () => {
        await claim('one');
        await store.accounts.delete('org_a', account.id);
      },
    ],
  ])('forbids sending %s', async (_when, arrange) => {
    await arrange();
    expect(await sending('one')).toBe(false);
  });

  it('forbids sending after the lease expired or the generation changed', async () => {
    await claim('one');
    expect(await sending('one', fromNow(LEASE_MS))).toBe(false);
    expect(await sending('one', NOW, account.generation + 1)).toBe(false);
    expect(await sending('one')).toBe(true);
  });

  it('P1 is refused once the claim counts as abandoned, which a recorded send intent prevents', async () => {
    await claim('one');
    expect(await store.grants.forbidSending(account.id, 'one')).toBe(true);
    expect(await sending('one')).toBe(false);
    await store.grants.release(account.id, 'one');
    await claim('two');
    expect(await sending('two')).toBe(true);
    expect(await store.grants.forbidSending(account.id, 'two')).toBe(false);
  });

  it('forbids sending after the account was disabled', async () => {
    await claim('one');
    await store.accounts.patch('org_a', account.id, { state: 'disabled' }, NOW);
    expect(await sending('one')).toBe(false);
  });
});
