/** The list of accounts due for validation, and verdicts that are stored only if they still apply. */
import type { LastValidation } from '../../../src/domain/account/account';
import type { ValidationConsequence } from '../../../src/domain/account/validation';
import {
  accountOf,
  addAccount,
  claimOf,
  commitOf,
  fromNow,
  grantOf,
  MINUTE,
  NOW,
  RULE,
  storeForTest,
  type TestStore,
} from '../_store';

let store: TestStore;
beforeEach(async () => {
  const policy = { ...RULE.policy, validateEveryMs: 30 * MINUTE };
  store = await storeForTest({ rules: () => ({ ...RULE, policy }) });
});
afterEach(() => store.close());

const due = async (asOf = NOW, limit = 100) =>
  (await store.validations.due({ provider: 'ebay', environment: null, asOf, limit })).map(
    ({ accountId }) => accountId,
  );
const validation: LastValidation = { outcome: 'invalid', at: NOW, logEntryId: 'entry' };
const inactive: ValidationConsequence = { kind: 'state', state: 'inactive' };
const verdict = { validation, consequence: inactive, failure: null };

describe('the list of accounts due for validation', () => {
  it('has the active accounts that were never validated or are due again, and no others', async () => {
    const { id: never } = await addAccount(store, { id: 'a_never' });
    const { id: again } = await addAccount(store, { id: 'b_again' });
    const { id: later } = await addAccount(store, { id: 'c_later' });
    const { id: disabled, organisation } = await addAccount(store, { id: 'd_disabled' });
    await addAccount(store, { id: 'e_ended', expiresInMs: 0 });
    await store.validations.putOff([again], NOW);
    await store.validations.putOff([later], fromNow(1));
    await store.accounts.patch(organisation, disabled, { state: 'disabled' }, NOW);
    expect(await due()).toEqual([never, again]);
    expect(await due(fromNow(1))).toEqual([never, again, later]);
    expect(await due(NOW, 1)).toEqual([never]);
  });

  it('R2.3 has accounts whose token does not expire', async () => {
    const grant = grantOf(null, {
      refreshToken: null,
      refreshTokenFingerprint: null,
      expiresAt: null,
    });
    const { id, organisation } = await addAccount(store, { id: 'endless' });
    await store.accounts.patch(organisation, id, { grant }, NOW);
    expect(await due(fromNow(1e9 * MINUTE))).toEqual([id]);
  });
});

describe('a verdict', () => {
  it('is stored with its consequence', async () => {
    const account = await addAccount(store, {});
    expect(await store.validations.record(account, verdict)).toBe(true);
    expect(await accountOf(store, account.id)).toMatchObject({
      state: 'inactive',
      lastValidation: validation,
    });
  });

  it('is void after a refresh was committed, and the new grant starts without a verdict', async () => {
    const account = await addAccount(store, {});
    await store.grants.claim(claimOf(account, 'attempt'));
    await store.grants.commit(commitOf(account, grantOf('attempt')));
    expect(await store.validations.record(account, verdict)).toBe(false);
    const after = await accountOf(store, account.id);
    expect(after).toMatchObject({ state: 'active', generation: 2, lastValidation: null });
  });

  it('sets the time of the next validation, which a refresh does not postpone', async () => {
    const account = await addAccount(store, {});
    expect(account.dueTimes.validationDueAt).toEqual(new Date(0));
    await store.validations.record(account, verdict);
    const next = { dueTimes: { validationDueAt: fromNow(30 * MINUTE) } };
    expect(await accountOf(store, account.id)).toMatchObject(next);
    const asked = await accountOf(store, account.id);
    await store.grants.claim(claimOf(asked, 'attempt'));
    await store.grants.commit(commitOf(asked, grantOf('attempt'), fromNow(20 * MINUTE)));
    expect(await accountOf(store, account.id)).toMatchObject({ ...next, lastValidation: null });
  });

  it('is void after an admin disabled the account', async () => {
    const account = await addAccount(store, {});
    await store.accounts.patch(account.organisation, account.id, { state: 'disabled' }, NOW);
    expect(await store.validations.record(account, verdict)).toBe(false);
    expect((await accountOf(store, account.id)).state).toBe('disabled');
  });

  it('does not release the claim of a running refresh', async () => {
    const account = await addAccount(store, {});
    await store.grants.claim(claimOf(account, 'attempt'));
    expect(await store.validations.record(account, verdict)).toBe(true);
    expect((await accountOf(store, account.id)).claim?.attemptId).toBe('attempt');
  });
});
