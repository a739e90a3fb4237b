import * as fc from 'fast-check';
import type { Account } from '../../../src/domain/account/account';
import { dueDecision, type RefreshRule } from '../../../src/domain/account/due-times';
import { newCandidate } from '../../../src/domain/account/reconnect';
import { refreshFailure } from '../../../src/domain/refresh/refresh-failure';
import type { DueCursor } from '../../../src/domain/refresh/sweep';
import type { DueQuery } from '../../../src/store/accounts/due-accounts';
import { POLICY } from '../../domain/_grants';
import {
  type AccountInput,
  accountOf,
  addAccount,
  claimOf,
  commitOf,
  failureRecordOf,
  fromNow,
  grantOf,
  MINUTE,
  NOW,
  RULE,
  storeForTest,
  type TestStore,
} from '../_store';

const FIRST_PAGE: DueCursor = { scan: 'expiring', at: null, accountId: null };
const REST: DueCursor = { scan: 'rest', at: null, accountId: null };
const YOUNG = { expiresInMs: 90 * MINUTE, refreshedAgoMs: 30 * MINUTE };

let store: TestStore;
beforeEach(async () => {
  store = await storeForTest();
});
afterEach(() => store.close());

const query = (overrides: Partial<DueQuery> = {}): DueQuery => ({
  provider: 'ebay',
  environment: null,
  now: NOW,
  expiringUntil: fromNow(POLICY.refreshBeforeMs),
  cursor: FIRST_PAGE,
  limit: 100,
  ...overrides,
});

/** The ids of all pages, in order. */
async function allPages(overrides: Partial<DueQuery> = {}): Promise<string[]> {
  const ids: string[] = [];
  let cursor: DueCursor | null = FIRST_PAGE;
  while (cursor !== null) {
    const page = await store.dueAccounts.page(query({ ...overrides, cursor }));
    ids.push(...page.accounts.map(({ accountId }) => accountId));
    cursor = page.next;
  }
  return ids;
}

async function add(inputs: Record<string, AccountInput>): Promise<void> {
  for (const [id, input] of Object.entries(inputs)) await addAccount(store, { id, ...input });
}

describe('R0.3 the due list', () => {
  it('lists expiring accounts first, by soonest expiry, and then overdue ones, oldest refresh first', async () => {
    await add({
      in_ten_minutes: { expiresInMs: 10 * MINUTE },
      fresh: YOUNG,
      two_hours_old: { expiresInMs: 90 * MINUTE, refreshedAgoMs: 120 * MINUTE },
      expired: { expiresInMs: -5 * MINUTE },
      an_hour_old: { expiresInMs: 90 * MINUTE, refreshedAgoMs: 60 * MINUTE },
      in_15_minutes: { expiresInMs: 15 * MINUTE },
    });
    const due = ['expired', 'in_ten_minutes', 'in_15_minutes', 'two_hours_old', 'an_hour_old'];
    for (const limit of [1, 2, 3, 4, 5, 100]) expect(await allPages({ limit })).toEqual(due);
  });

  it('lists an account without access token expiry while a candidate grant waits', async () => {
    const endless = grantOf(null, {
      refreshToken: null,
      refreshTokenFingerprint: null,
      expiresAt: null,
    });
    const account = await addAccount(store, { grant: endless });
    expect(await allPages()).toEqual([]);
    await store.reconnects.submit(account, newCandidate(grantOf('new'), 'key 1', NOW), null);
    for (const limit of [1, 100]) expect(await allPages({ limit })).toEqual([account.id]);
    const claimed = await store.grants.claim(claimOf(account, 'tries'));
    await store.grants.recordCandidateFailure({
      account: claimed.kind === 'claimed' ? claimed.account : account,
      attemptId: 'tries',
      source: 'scheduled',
      candidate: newCandidate(grantOf('new'), 'key 1', NOW),
      failure: refreshFailure('invalid_grant'),
      retryAt: null,
      now: NOW,
    });
    expect(await allPages({ now: fromNow(1e9), expiringUntil: fromNow(1e9) })).toEqual([]);
  });

  it('lists an account by the expiry of its refresh token if that comes first', async () => {
    await store.close();
    const rotating: RefreshRule = { ...RULE, replayRule: { kind: 'never' } };
    store = await storeForTest({ rules: () => rotating });
    const short = grantOf(null, {
      expiresAt: fromNow(90 * MINUTE).toISOString(),
      refreshTokenExpiresAt: fromNow(3 * MINUTE).toISOString(),
    });
    await add({
      in_ten_minutes: { expiresInMs: 10 * MINUTE },
      refresh_token_in_three: { ...YOUNG, grant: short },
      in_two_minutes: { expiresInMs: 2 * MINUTE },
    });
    expect(await allPages({ now: fromNow(MINUTE) })).toEqual(['in_two_minutes', 'in_ten_minutes']);
    const due = ['in_two_minutes', 'refresh_token_in_three', 'in_ten_minutes'];
    for (const limit of [1, 2, 100])
      expect(await allPages({ limit, now: fromNow(1.5 * MINUTE) })).toEqual(due);
  });

  it('lists an account that is due for both reasons once', async () => {
    await add({ both: { expiresInMs: MINUTE, refreshedAgoMs: 120 * MINUTE } });
    for (const limit of [1, 2]) expect(await allPages({ limit })).toEqual(['both']);
  });

  it('lists only expiring accounts if the policy has no maximum age', async () => {
    const policy = { refreshAfterAgeMs: null };
    await add({
      expiring: { expiresInMs: MINUTE, policy },
      old: { expiresInMs: 90 * MINUTE, refreshedAgoMs: 1e9, policy },
    });
    for (const limit of [1, 2]) expect(await allPages({ limit })).toEqual(['expiring']);
  });

  it("applies each account's policy", async () => {
    await add({
      earlier: { expiresInMs: 40 * MINUTE, policy: { refreshBeforeMs: 45 * MINUTE } },
      later: { expiresInMs: 10 * MINUTE, policy: { refreshBeforeMs: 5 * MINUTE } },
      never: { expiresInMs: MINUTE, policy: { enabled: false } },
    });
    expect(await allPages()).toEqual(['earlier']);
    await store.accounts.patch('org_a', 'never', { policy: null }, NOW);
    expect(await allPages()).toEqual(['never', 'earlier']);
  });

  it('applies a changed provider policy once the due times are recomputed, page by page', async () => {
    let policy = POLICY;
    const changing = await storeForTest({ rules: () => ({ ...RULE, policy }) });
    for (const id of ['a', 'b', 'c']) await addAccount(changing, { id, ...YOUNG });
    policy = { ...POLICY, refreshAfterAgeMs: 20 * MINUTE };
    const due = async () =>
      (await changing.dueAccounts.page(query({ cursor: REST }))).accounts.length;
    expect(await due()).toBe(0);
    const first = await changing.accounts.rewriteDueTimes('ebay', { afterId: null, limit: 2 });
    expect(first).toEqual({ rewritten: 2, next: 'b' });
    const second = await changing.accounts.rewriteDueTimes('ebay', { afterId: 'b', limit: 2 });
    expect(second).toEqual({ rewritten: 1, next: null });
    expect(await due()).toBe(3);
    await changing.close();
  });

  it('lists only its provider, and one environment if requested', async () => {
    await add({
      production: {},
      sandbox: { environment: 'sandbox' },
      another: { provider: 'etsy' },
    });
    expect(await allPages()).toEqual(['production', 'sandbox']);
    expect(await allPages({ environment: 'sandbox' })).toEqual(['sandbox']);
    expect(await allPages({ provider: 'etsy' })).toEqual(['another']);
    expect(await allPages({ provider: 'google' })).toEqual([]);
  });

  it('omits inactive accounts until they are active again', async () => {
    await add({ active: {}, disabled: {}, inactive: {}, needs_reconnect: {} });
    for (const state of ['disabled', 'inactive', 'needs_reconnect'] as const)
      await store.accounts.patch('org_a', state, { state }, NOW);
    expect(await allPages()).toEqual(['active']);
    await store.accounts.patch('org_a', 'disabled', { state: 'active' }, NOW);
    expect(await allPages()).toEqual(['active', 'disabled']);
  });

  it('omits accounts in quarantine, and lists them by their due times after the release', async () => {
    await add({ due: {}, held: { quarantine: true }, held_fresh: { ...YOUNG, quarantine: true } });
    expect(await allPages()).toEqual(['due']);
    await store.quarantine.release('org_a', { provider: 'ebay' });
    expect(await allPages()).toEqual(['due', 'held']);
  });

  it('omits accounts that back off from both scans until the back-off ends', async () => {
    await add({ expiring: {}, old: { expiresInMs: 90 * MINUTE, refreshedAgoMs: 120 * MINUTE } });
    for (const id of ['expiring', 'old']) {
      const account = await accountOf(store, id);
      await store.grants.claim(claimOf(account, 'one'));
      await store.grants.recordFailure(failureRecordOf(account, 'one', 'provider_unavailable'));
    }
    expect(await allPages()).toEqual([]);
    expect(await allPages({ now: fromNow(9_999) })).toEqual([]);
    expect(await allPages({ now: fromNow(10_000) })).toEqual(['expiring', 'old']);
  });

  it('names the organisation of an account, and nothing of its grant', async () => {
    await addAccount(store, { id: 'acc_1', organisation: 'org_b', label: 'Shop' });
    const { accounts } = await store.dueAccounts.page(query());
    const whose = { accountId: 'acc_1', organisation: 'org_b', label: 'Shop' };
    expect(accounts).toEqual([{ ...whose, environment: 'production' }]);
  });

  it('lists each account once across pages, with equal times and any page size', async () => {
    const same = Array.from({ length: 25 }, (_, index) => `acc_${String(index).padStart(2, '0')}`);
    for (const [index, id] of same.entries())
      await addAccount(store, {
        id,
        expiresInMs: index < 15 ? MINUTE : 90 * MINUTE,
        refreshedAgoMs: 120 * MINUTE,
      });
    for (const limit of [1, 2, 4, 5, 7, 15, 24, 25, 26])
      expect([limit, await allPages({ limit })]).toEqual([limit, same]);
  });

  it('R4.3 continues after an account that changes while the list is read', async () => {
    await add({
      one: { expiresInMs: 1000 },
      two: { expiresInMs: 2000 },
      three: { expiresInMs: 3000 },
    });
    const first = await store.dueAccounts.page(query({ limit: 2 }));
    await store.accounts.delete('org_a', 'two');
    const second = await store.dueAccounts.page(query({ cursor: first.next ?? FIRST_PAGE }));
    expect(second.accounts.map(({ accountId }) => accountId)).toEqual(['three']);
  });

  it('decides as the policy does for every account', async () => {
    const minutes = fc.integer({ min: -3, max: 3 });
    const accounts: Account[] = [];
    for (const [expires, age] of fc.sample(fc.tuple(minutes, minutes), 40)) {
      accounts.push(
        await addAccount(store, {
          expiresInMs: (15 + expires) * MINUTE,
          refreshedAgoMs: (60 + age) * MINUTE,
        }),
      );
    }
    const due = accounts.filter((account) => dueDecision(account, RULE, NOW).due);
    const listed = new Set(await allPages({ limit: 7 }));
    expect(listed).toEqual(new Set(due.map(({ id }) => id)));
  });
});

describe('accounts that probe an OAuth app', () => {
  const LANE = { provider: 'ebay', environment: 'production' };
  const probes = async (
    otherwise: Partial<Parameters<typeof store.dueAccounts.probes>[1]> = {},
  ) => {
    const asked = { after: null, without: [], provenOnly: false, now: NOW, limit: 5, ...otherwise };
    const found = await store.dueAccounts.probes(LANE, asked);
    return found.map(({ accountId }) => accountId);
  };
  const served = async (id: string, organisation: string, at = NOW) => {
    await addAccount(store, { id, organisation });
    const claim = claimOf(await accountOf(store, id), `attempt-${id}`, { now: at });
    await store.grants.claim(claim);
    const account = await accountOf(store, id);
    const grant = { ...account.current, attemptId: `attempt-${id}` };
    await store.grants.commit(commitOf(account, grant, at));
  };
  const refused = async (id: string) => {
    await store.grants.claim(claimOf(await accountOf(store, id), `again-${id}`));
    const account = await accountOf(store, id);
    await store.grants.recordFailure(
      failureRecordOf(account, `again-${id}`, 'unauthorized_client'),
    );
  };

  it('alternate between organisations, beginning after the one that was probed last', async () => {
    for (const id of ['a1', 'b1', 'c1']) await served(id, `org_${id.charAt(0)}`);
    await served('a2', 'org_a', fromNow(1000));
    expect(await probes()).toEqual(['a1', 'b1', 'c1', 'a2']);
    expect(await probes({ after: 'org_a' })).toEqual(['b1', 'c1', 'a1', 'a2']);
    expect(await probes({ after: 'org_b', limit: 2 })).toEqual(['c1', 'a1']);
    expect(await probes({ after: 'org_c', without: ['org_a'] })).toEqual(['b1', 'c1']);
  });

  it('are ordered by oldest attempt within an organisation', async () => {
    await served('late', 'org_a', fromNow(2000));
    await served('early', 'org_a', fromNow(1000));
    expect(await probes()).toEqual(['early', 'late']);
  });

  it('are unproven only if no proven account exists and unproven ones are allowed', async () => {
    await addAccount(store, { id: 'new', organisation: 'org_a', expiresInMs: 1 });
    expect(await probes()).toEqual(['new']);
    expect(await probes({ provenOnly: true })).toEqual([]);
    await served('proven', 'org_b');
    expect(await probes()).toEqual(['proven']);
  });

  it('do not count as proven after a refusal until they are served again', async () => {
    await served('one', 'org_a');
    await served('two', 'org_b');
    expect(await store.dueAccounts.provenOrganisations(LANE, 9)).toEqual(['org_a', 'org_b']);
    await refused('one');
    expect(await accountOf(store, 'one')).toMatchObject({ isProven: false, refusedAt: NOW });
    expect(await store.dueAccounts.provenOrganisations(LANE, 9)).toEqual(['org_b']);
    expect(await store.dueAccounts.provenOrganisations(LANE, 1)).toEqual(['org_b']);
  });
});
