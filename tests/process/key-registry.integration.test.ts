/** Which key seals, who has which, and which process may not start: over several vaults on one real database. */

import type { RotationCursor } from '../../src/domain/encryption-rotation';
import {
  joinKeyRegistry,
  KeyNotPromotedError,
  type KeyRegistration,
  promoteKey,
} from '../../src/process/key-registry';
import type { SealedRecord } from '../../src/store/encryption/sealed-records';
import { KeyRing } from '../../src/vault/key-ring';
import { seal, sealingKeyOf } from '../../src/vault/sealing';
import { grantPlace, Vault, VaultSealedError } from '../../src/vault/vault';
import { addAccount, grantOf, newAccount, storeForTest, type TestStore } from '../store/_store';
import { eventually } from '../support/eventually';
import { randomKey } from '../vault/_keys';

const K1 = `k1:${randomKey()}`;
const K2 = `k2:${randomKey()}`;
const TOKEN = 'v^1.1#token';

interface Page {
  records: SealedRecord[];
  next: RotationCursor;
}

let store: TestStore;
const started: KeyRegistration[] = [];
beforeEach(async () => {
  store = await storeForTest({ ring: KeyRing.parse(`${K1},${K2}`) });
});
afterEach(async () => {
  for (const keyRegistration of started.splice(0)) await keyRegistration.stop();
  await store.close();
});

/** A process with these keys, as `openStoreAndVault` starts it. */
async function start(keys: string, role = 'worker', lostKeyIds: string[] = []) {
  const vault = await Vault.open(KeyRing.parse(keys), store.canary);
  const keyRegistration = await joinKeyRegistry({ store, vault, role, lostKeyIds });
  started.push(keyRegistration);
  return { vault, keyRegistration };
}

const refusal = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: unknown) => {
      if (error instanceof VaultSealedError || error instanceof KeyNotPromotedError)
        return error.message;
      throw error;
    },
  );

/** An account sealed with a key, as a process of before could have left it. */
async function accountUnder(keys: string, id = 'acc_1') {
  const ring = KeyRing.parse(keys);
  const { organisation, provider, environment, externalId } = newAccount({ id });
  const place = {
    organisation,
    account: id,
    grant: { provider, environment, externalId, generation: 1 },
  };
  const at = (field: string) => seal(ring, TOKEN, { ...place, field });
  const grant = grantOf(null, {
    accessToken: at('access_token'),
    refreshToken: at('refresh_token'),
  });
  return addAccount(store, { id, grant });
}

/** Re-seals all records of these collections, as a pass of the rotation does. */
async function resealAll(vault: Vault, to: string, collections = ['accounts', 'settings']) {
  let cursor: RotationCursor = null;
  do {
    const { records, next }: Page = await store.sealedRecords.page(to, cursor, 10);
    await store.sealedRecords.replace(
      records
        .filter(({ collection }) => collections.includes(collection))
        .map((record) => resealed(vault, record, to)),
    );
    cursor = next;
  } while (cursor !== null);
}

const resealed = (vault: Vault, record: SealedRecord, to: string) => ({
  ...record,
  values: record.values.map((value) => ({
    ...value,
    resealed: vault.reseal(value.sealed, value.place, value.purpose, to),
  })),
});

async function everythingStored() {
  return JSON.stringify([
    await store.encryptionKeys.list(),
    await store.settings.sealingKeyId(),
    await store.canary.readCanary(),
    (await store.processes.living()).map(({ id }) => id),
  ]);
}

describe('which key seals', () => {
  it('is the first in a new database, and stays so whatever order another process has', async () => {
    const { vault: one } = await start(`${K1},${K2}`);
    const { vault: other } = await start(`${K2},${K1}`);
    expect([one.sealingKeyId, other.sealingKeyId]).toEqual(['k1', 'k1']);
  });

  it('is, in a database of before, the first that has sealed, not one that was just put in front', async () => {
    await accountUnder(K1);
    const { vault } = await start(`${K2},${K1}`);
    expect(vault.sealingKeyId).toBe('k1');
    expect(await store.encryptionKeys.list()).toEqual([
      expect.objectContaining({ id: 'k1', needed: true }),
    ]);
  });

  it('changes for all when it is promoted: each follows when it looks', async () => {
    const { vault: api } = await start(`${K1},${K2}`, 'api');
    const { vault: worker, keyRegistration } = await start(`${K1},${K2}`);
    expect(await promoteKey(store, api, undefined)).toBe('k2');
    expect([api.sealingKeyId, worker.sealingKeyId]).toEqual(['k2', 'k1']);
    await keyRegistration.follow();
    const place = grantPlace(newAccount(), 1);
    expect(sealingKeyOf(worker.sealToken(TOKEN, place, 'access_token'))).toBe('k2');
    const living = await store.processes.living();
    expect(living.find(({ name }) => name.startsWith('worker'))?.sealingKeyId).toBe('k2');
  });
});

describe('F23 a mixed fleet', () => {
  it('a key is not promoted while a process has not got it: it is named, and goes on undisturbed', async () => {
    const { vault } = await start(`${K1},${K2}`, 'api');
    const { keyRegistration: without } = await start(K1, 'worker');
    expect(await refusal(promoteKey(store, vault, undefined))).toMatch(
      /^The key "k2" is not everywhere yet: worker \d+@\S+ would not open what it seals\. Put it at the end/,
    );
    expect(await store.settings.sealingKeyId()).toBe('k1');
    await without.follow();
    const outcome = await Promise.race([
      without.lockedOut.catch(() => 'locked out'),
      Promise.resolve('goes on'),
    ]);
    expect(outcome).toBe('goes on');
    expect((await store.encryptionKeys.list()).map(({ id }) => id)).toEqual(['k1']);
  });

  it('nor while a process has another key of that name', async () => {
    const { vault } = await start(`${K1},${K2}`, 'api');
    await start(`${K1},k2:${randomKey()}`, 'worker');
    expect(await refusal(promoteKey(store, vault, 'k2'))).toMatch(
      /^The key "k2" is not the same everywhere: worker/,
    );
  });

  it('once it is promoted, a process without it does not start, though it sealed nothing yet', async () => {
    const { vault } = await start(`${K1},${K2}`, 'api');
    await promoteKey(store, vault, undefined);
    const before = await everythingStored();
    expect(await refusal(start(K1))).toMatch(/^Wrong encryption key: the key "k2" is still needed/);
    expect(await refusal(start(`${K1},k2:${randomKey()}`))).toMatch(/key mismatch: .*"k2"/);
    expect(await everythingStored()).toBe(before);
  });

  it('a process that was away while a key was promoted ends when it is back, before it meets what it cannot open', async () => {
    const { vault } = await start(`${K1},${K2}`, 'api');
    const { keyRegistration: away } = await start(K1, 'worker');
    for (const { id, name } of await store.processes.living())
      if (name.startsWith('worker')) await store.processes.withdraw(id);
    await promoteKey(store, vault, undefined);
    await away.follow();
    await expect(away.lockedOut).rejects.toThrow(/the key "k2" is still needed/);
  });

  it('one that slept over the retirement of the key it seals with takes the retirement back', async () => {
    const { vault } = await start(`${K1},${K2}`, 'api');
    const { keyRegistration: asleep } = await start(`${K1},${K2}`, 'worker');
    await promoteKey(store, vault, undefined);
    await store.encryptionKeys.retire('k1', 0, new Date());
    await asleep.follow();
    const [k1] = await store.encryptionKeys.list();
    expect(k1).toMatchObject({ id: 'k1', needed: true, retiredAt: null });
  });

  it('says which is meant where two keys have never sealed', async () => {
    const { vault } = await start(`${K1},${K2},k3:${randomKey()}`, 'api');
    expect(await refusal(promoteKey(store, vault, undefined))).toMatch(/2 keys .*\(k2, k3\)/);
    expect(await refusal(promoteKey(store, vault, 'k4'))).toMatch(/no key "k4" in ENCRYPTION_KEYS/);
    expect(await promoteKey(store, vault, 'k3')).toBe('k3');
  });
});

describe('F24 a start without a key that is needed', () => {
  it('is refused with its name and the number of its records, and nothing is written', async () => {
    await start(K1);
    for (const keyRegistration of started.splice(0)) await keyRegistration.stop();
    await accountUnder(K1, 'acc_1');
    await accountUnder(K1, 'acc_2');
    const { vault } = await start(`${K1},${K2}`, 'api');
    await promoteKey(store, vault, undefined);
    // The canary alone is re-sealed, so that it is not what refuses.
    await resealAll(vault, 'k2', ['settings']);
    const before = await everythingStored();
    expect(await refusal(start(K2))).toMatch(
      /^Wrong encryption key: the key "k1" is still needed, and is not in ENCRYPTION_KEYS \(it has: k2\): 2 records are sealed with it\. /,
    );
    expect(await everythingStored()).toBe(before);
    // Lost for good, and said so.
    const { vault: after } = await start(K2, 'worker', ['k1']);
    expect(after.sealingKeyId).toBe('k2');
  });

  it.each([
    ['wrong', () => `k1:${randomKey()}`, /key mismatch/],
    ['missing', () => K2, /sealed with key "k1", which is not in ENCRYPTION_KEYS/],
  ])(
    '%s from the beginning: the canary refuses, and nothing is written',
    async (_what, keys, said) => {
      await start(K1);
      const before = await everythingStored();
      expect(await refusal(start(keys()))).toMatch(said);
      expect(await everythingStored()).toBe(before);
    },
  );

  it('is allowed once the key is retired; a record that slipped through is found at that start, and not at each', async () => {
    const { vault } = await start(`${K1},${K2}`, 'api');
    await promoteKey(store, vault, undefined);
    await resealAll(vault, 'k2');
    await store.encryptionKeys.retire('k1', 0, new Date());
    await accountUnder(K1, 'slipped');
    expect(await refusal(start(K2))).toMatch(/the key "k1" is still needed.* 1 record is sealed/);
    await store.accounts.delete('org_a', 'slipped');
    await start(K2);
    const k1 = await eventually(async () =>
      (await store.encryptionKeys.list()).find(({ id }) => id === 'k1'),
    );
    expect(k1.removedAt).not.toBeNull();
  });
});

it('a newer grant is never overwritten by what was re-sealed before it came', async () => {
  const { vault } = await start(`${K1},${K2}`, 'api');
  const account = await accountUnder(K1);
  await promoteKey(store, vault, undefined);
  const { records } = await store.sealedRecords.page('k2', null, 10);
  const late = records.map((record) => resealed(vault, record, 'k2'));
  // Between the read and the write, a refresh commits.
  const newer = grantOf('newer');
  await store.grants.commit({
    account,
    generation: 1,
    grant: newer,
    source: 'scheduled',
    now: new Date(),
  });
  expect(late).toHaveLength(1);
  expect(await store.sealedRecords.replace(late)).toBe(0);
  const stored = await store.grants.read(account.id);
  expect(stored?.current).toMatchObject({ accessToken: newer.accessToken, attemptId: 'newer' });
  expect(sealingKeyOf(stored?.previous?.accessToken ?? '')).toBe('k1');
});

it('every place of an account is found: current, previous, each leaf, fallback; others are left alone', async () => {
  const { vault } = await start(`${K1},${K2}`, 'api');
  const added = newAccount({ id: 'acc_all' });
  const place = grantPlace(added, 1);
  const grant = (attemptId: string | null, generation: number) => ({
    ...grantOf(attemptId),
    ...vault.sealGrant({ accessToken: TOKEN, refreshToken: TOKEN }, { ...place, generation }),
  });
  const fallback = { ...vault.sealFallback(TOKEN, place), expiresAt: null };
  let account = await addAccount(store, { ...added, grant: grant(null, 1), fallback });
  const commit = (generation: number, attemptId: string) =>
    store.grants.commit({
      account,
      generation,
      grant: grant(attemptId, generation + 1),
      source: 'scheduled',
      now: new Date(),
    });
  await commit(1, 'one');
  account = (await store.grants.read(account.id)) ?? account;
  await commit(1, 'leaf-1');
  await commit(1, 'leaf-2');
  await addAccount(store, {
    id: 'plain',
    grant: grantOf(null, { accessToken: 'legacy-plaintext' }),
  });
  const { records } = await store.sealedRecords.page('k2', null, 10);
  expect(records.find(({ id }) => id === 'acc_all')?.values.map(({ path }) => path)).toEqual([
    'current.access_token',
    'current.refresh_token',
    'previous.access_token',
    'previous.refresh_token',
    'orphaned_grants.0.access_token',
    'orphaned_grants.1.access_token',
    'orphaned_grants.0.refresh_token',
    'orphaned_grants.1.refresh_token',
    'fallback.access_token',
  ]);
  // Each is re-sealed from what stands beside it, and opens where it stands.
  await store.accounts.delete('org_a', 'plain');
  await promoteKey(store, vault, undefined);
  await resealAll(vault, 'k2');
  const onlyNew = await Vault.open(KeyRing.parse(K2), store.canary);
  const after = await store.grants.read('acc_all');
  if (after === null) throw new Error('no account');
  for (const one of [after.current, after.previous, ...after.orphanedGrants]) {
    const at = grantPlace(after, one?.generation ?? 0);
    expect(onlyNew.openToken(one?.accessToken ?? '', at, 'access_token')).toBe(TOKEN);
    expect(onlyNew.openToken(one?.refreshToken ?? '', at, 'refresh_token')).toBe(TOKEN);
  }
  const { accessToken } = after.fallback ?? { accessToken: '' };
  expect(onlyNew.openToken(accessToken, place, 'fallback_access_token')).toBe(TOKEN);
});
