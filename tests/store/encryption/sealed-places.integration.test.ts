/**
 * The encryption context of a grant in each role: the current grant decrypts in its account's generation, every other
 * one in its own generation, and none in the place of another.
 */
import { randomUUID } from 'node:crypto';
import type { Account } from '../../../src/domain/account/account';
import type { SealedGrant } from '../../../src/domain/account/grant';
import { newCandidate } from '../../../src/domain/account/reconnect';
import { OpenError } from '../../../src/vault/sealing';
import { grantPlace } from '../../../src/vault/vault';
import {
  accountOf,
  addAccount,
  claimOf,
  commitOf,
  grantOf,
  NOW,
  newAccount,
  storeForTest,
  type TestStore,
} from '../_store';

let store: TestStore;
beforeAll(async () => {
  store = await storeForTest();
});
afterAll(() => store.close());

/** An account, and a function that encrypts a grant with this refresh token for one of its generations. */
async function account(overrides: Parameters<typeof newAccount>[0] = {}) {
  const added = newAccount(overrides);
  const sealed = (name: string, generation: number, attemptId: string | null = name) => ({
    ...grantOf(attemptId),
    ...store.vault.sealGrant(
      { accessToken: `access-${name}`, refreshToken: `refresh-${name}` },
      grantPlace(added, generation),
    ),
  });
  const before = await addAccount(store, { ...added, grant: sealed('first', 1, null) });
  return { before, sealed, now: () => accountOf(store, before.id) };
}

/** The name of the grant whose tokens decrypt in a generation; `null` if they do not. */
function opened(one: Account, grant: SealedGrant | null | undefined, generation: number) {
  const place = grantPlace(one, generation);
  try {
    const access = store.vault.openToken(grant?.accessToken ?? '', place, 'access_token');
    const refresh = store.vault.openToken(grant?.refreshToken ?? '', place, 'refresh_token');
    expect(refresh.replace('refresh-', '')).toBe(access.replace('access-', ''));
    return access.replace('access-', '');
  } catch (error) {
    if (error instanceof OpenError) return null;
    throw error;
  }
}

/** The grants that decrypt in the account's generation, by role. */
function openedNow(one: Account) {
  const { current, previous, orphanedGrants, candidate, replaced, generation } = one;
  return {
    current: opened(one, current, generation),
    others: [previous, candidate?.grant, replaced?.grant, ...orphanedGrants].map(
      (grant) => grant && opened(one, grant, generation),
    ),
  };
}

const own = (one: Account, grant: SealedGrant | null | undefined) =>
  opened(one, grant, grant?.generation ?? -1);

async function claim(one: Account): Promise<string> {
  const attemptId = `attempt-${randomUUID()}`;
  expect((await store.grants.claim(claimOf(one, attemptId))).kind).toBe('claimed');
  return attemptId;
}

it('a refreshed grant decrypts in the new generation, and the previous one only in its generation', async () => {
  const { before, sealed, now } = await account();
  await store.grants.commit(commitOf(before, sealed('second', 2)));
  const after = await now();
  expect(openedNow(after)).toEqual({ current: 'second', others: [null, undefined, undefined] });
  expect(own(after, after.previous)).toBe('first');
});

it('a grant that waited in Temporal is encrypted for the generation in which it is stored', async () => {
  const { before, sealed, now } = await account();
  const submitted = newCandidate(sealed('handed-in', 0, null), 'key 1', NOW);
  await store.reconnects.submit(before, submitted, null);
  await store.grants.commit(commitOf(before, sealed('other', 2)));
  // A candidate does not descend from the current grant, so it replaces whichever grant is current now.
  const late = { ...commitOf(before, sealed('late', 2)), candidate: submitted.fingerprint };
  expect(await store.grants.commit(late)).toBe('committed');
  const after = await now();
  expect(after).toMatchObject({ generation: 3, candidate: null });
  expect(openedNow(after).current).toBe('late');
  expect(own(after, after.replaced?.grant)).toBe('other');
});

it('an orphaned grant is encrypted for the generation in which it becomes current', async () => {
  const { before, sealed, now } = await account();
  await store.grants.commit(commitOf(before, sealed('winner', 2)));
  expect(await store.grants.commit(commitOf(before, sealed('loser', 2)))).toBe('kept_as_orphan');
  const attemptId = await claim(before);
  expect(await store.grants.adoptOrphan(await now(), attemptId, NOW)).toBe(true);
  const after = await now();
  expect(after.generation).toBe(3);
  expect(openedNow(after)).toEqual({ current: 'loser', others: [null, undefined, undefined] });
  expect(own(after, after.previous)).toBe('winner');
});

it('a candidate grant decrypts in no generation of the account before it is tried', async () => {
  const { before, sealed, now } = await account();
  await store.reconnects.submit(before, newCandidate(sealed('new', 1, null), 'key 1', NOW), null);
  const after = await now();
  expect(own(after, after.candidate?.grant)).toBe('new');
  for (const generation of [1, 2, 3])
    expect(opened(after, after.candidate?.grant, generation)).toBeNull();
});

it('a replaced grant is encrypted again when it becomes a candidate', async () => {
  const { before, sealed, now } = await account();
  await store.accounts.patch('org_a', before.id, { grant: sealed('second', 0, null) }, NOW);
  const replacedOnce = await now();
  expect(openedNow(replacedOnce).current).toBe('second');
  const { replaced } = replacedOnce;
  if (replaced === null) throw new Error('the first grant is missing');
  expect(own(replacedOnce, replaced.grant)).toBe('first');
  const submitted = newCandidate(replaced.grant, 'key 1', NOW);
  await store.reconnects.submit(replacedOnce, submitted, null);
  const waiting = await now();
  expect(own(waiting, waiting.candidate?.grant)).toBe('first');
  await store.accounts.patch('org_a', before.id, { grant: replaced.grant }, NOW);
  const after = await now();
  expect(after.generation).toBe(3);
  expect(openedNow(after).current).toBe('first');
});

it('a grant that is stored untried during refreshes decrypts in the generation that it received', async () => {
  for (let round = 0; round < 5; round += 1) {
    const { before, sealed, now } = await account();
    await Promise.all([
      store.accounts.patch('org_a', before.id, { grant: sealed('entered', 0, null) }, NOW),
      store.grants.commit(commitOf(before, sealed('refreshed', 2))),
    ]);
    const after = await now();
    expect(openedNow(after).current).toBe('entered');
    for (const orphan of after.orphanedGrants) expect(own(after, orphan)).toBe('refreshed');
  }
});

it('a grant that replaces one in quarantine decrypts in the next generation', async () => {
  const { before, sealed, now } = await account({ quarantine: true });
  await store.quarantine.replaceGrant(before, sealed('imported', 1, null), null, NOW);
  const after = await now();
  expect(openedNow(after)).toEqual({ current: 'imported', others: [null, undefined, undefined] });
});

it('the grant of a restored account decrypts in the generation that the account takes', async () => {
  const { before, now } = await account();
  expect(await store.restores.markStale(before, 9, NOW)).toBe(true);
  const after = await now();
  expect(after).toMatchObject({ generation: 9, staleRestore: true });
  expect(openedNow(after).current).toBe('first');
});
