/** The key registry: the active key, the keys of each process, and refused starts, with several vaults on one database. */
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

describe('the active key', () => {
  it('is the first key in a new database, whatever the order in another process', async () => {
    const { vault: one } = await start(`${K1},${K2}`);
    const { vault: other } = await start(`${K2},${K1}`);
    expect([one.sealingKeyId, other.sealingKeyId]).toEqual(['k1', 'k1']);
  });

  it('is the first key in use in a database without a registry, not a new key listed before it', async () => {
    await accountUnder(K1);
    const { vault } = await start(`${K2},${K1}`);
    expect(vault.sealingKeyId).toBe('k1');
    expect(await store.encryptionKeys.list()).toEqual([
      expect.objectContaining({ id: 'k1', needed: true }),
    ]);
  });

  it('changes when a key is promoted, and other processes follow at their next heartbeat', async () => {
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

describe('F23 promotion of a key', () => {
  it('refuses while a process lacks the key, names that process, and lets it run', async () => {
    const { vault } = await start(`${K1},${K2}`, 'api');
    const { keyRegistration: without } = await start(K1, 'worker');
    expect(await refusal(promoteKey(store, vault, undefined))).toMatch(
      /^Not all processes have the key "k2" yet: worker \d+@\S+ could not decrypt .*\. Add it at the end/,
    );
    expect(await store.settings.sealingKeyId()).toBe('k1');
    await without.follow();
    const outcome = await Promise.race([
      without.lockedOut.catch(() => 'locked out'),
      Promise.resolve('still running'),
    ]);
    expect(outcome).toBe('still running');
    expect((await store.encryptionKeys.list()).map(({ id }) => id)).toEqual(['k1']);
  });

  it('refuses while a process has another key with that id', async () => {
    const { vault } = await start(`${K1},${K2}`, 'api');
    await start(`${K1},k2:${randomKey()}`, 'worker');
    expect(await refusal(promoteKey(store, vault, 'k2'))).toMatch(
      /^The key "k2" is not the same in all processes: worker/,
    );
  });

  it('prevents the start of a process without the key, even before any record uses it', async () => {
    const { vault } = await start(`${K1},${K2}`, 'api');
    await promoteKey(store, vault, undefined);
    const before = await everythingStored();
    expect(await refusal(start(K1))).toMatch(/^Wrong encryption key: the key "k2" is still needed/);
    expect(await refusal(start(`${K1},k2:${randomKey()}`))).toMatch(/key mismatch: .*"k2"/);
    expect(await everythingStored()).toBe(before);
  });

  it('locks out a disconnected process without the key at its next heartbeat', async () => {
    const { vault } = await start(`${K1},${K2}`, 'api');
    const { keyRegistration: disconnected } = await start(K1, 'worker');
    for (const { id, name } of await store.processes.living())
      if (name.startsWith('worker')) await store.processes.withdraw(id);
    await promoteKey(store, vault, undefined);
    await disconnected.follow();
    await expect(disconnected.lockedOut).rejects.toThrow(/the key "k2" is still needed/);
  });

  it('reverts the retirement of a key that a suspended process still encrypts with', async () => {
    const { vault } = await start(`${K1},${K2}`, 'api');
    const { keyRegistration: suspended } = await start(`${K1},${K2}`, 'worker');
    await promoteKey(store, vault, undefined);
    await store.encryptionKeys.retire('k1', 0, new Date());
    await suspended.follow();
    const [k1] = await store.encryptionKeys.list();
    expect(k1).toMatchObject({ id: 'k1', needed: true, retiredAt: null });
  });

  it('requires a key id if several keys were never active', async () => {
    const { vault } = await start(`${K1},${K2},k3:${randomKey()}`, 'api');
    expect(await refusal(promoteKey(store, vault, undefined))).toMatch(/2 keys .*\(k2, k3\)/);
    expect(await refusal(promoteKey(store, vault, 'k4'))).toMatch(
      /^ENCRYPTION_KEYS has no key "k4"/,
    );
    expect(await promoteKey(store, vault, 'k3')).toBe('k3');
  });
});

describe('F24 a start without a needed key', () => {
  it('is refused with the key id and the number of its records, and writes nothing', async () => {
    await start(K1);
    for (const keyRegistration of started.splice(0)) await keyRegistration.stop();
    await accountUnder(K1, 'acc_1');
    await accountUnder(K1, 'acc_2');
    const { vault } = await start(`${K1},${K2}`, 'api');
    await promoteKey(store, vault, undefined);
    // Re-seals only the canary, so that the canary does not refuse the start.
    await resealAll(vault, 'k2', ['settings']);
    const before = await everythingStored();
    expect(await refusal(start(K2))).toMatch(
      /^Wrong encryption key: the key "k1" is still needed but is not in ENCRYPTION_KEYS \(it has: k2\): 2 records are encrypted with it\. /,
    );
    expect(await everythingStored()).toBe(before);
    // The key is declared lost.
    const { vault: after } = await start(K2, 'worker', ['k1']);
    expect(after.sealingKeyId).toBe('k2');
  });

  it.each([
    ['a wrong key', () => `k1:${randomKey()}`, /key mismatch/],
    ['a missing key', () => K2, /encrypted with key "k1", which is not in ENCRYPTION_KEYS/],
  ])('is refused because of the canary and writes nothing: %s', async (_problem, keys, message) => {
    await start(K1);
    const before = await everythingStored();
    expect(await refusal(start(keys()))).toMatch(message);
    expect(await everythingStored()).toBe(before);
  });

  it('is allowed once the key is retired, and counts remaining records only once', async () => {
    const { vault } = await start(`${K1},${K2}`, 'api');
    await promoteKey(store, vault, undefined);
    await resealAll(vault, 'k2');
    await store.encryptionKeys.retire('k1', 0, new Date());
    await accountUnder(K1, 'slipped');
    expect(await refusal(start(K2))).toMatch(
      /the key "k1" is still needed.* 1 record is encrypted/,
    );
    await store.accounts.delete('org_a', 'slipped');
    await start(K2);
    const k1 = await eventually(async () =>
      (await store.encryptionKeys.list()).find(({ id }) => id === 'k1'),
    );
    expect(k1.removedAt).not.toBeNull();
  });
});

it('re-sealing never overwrites a grant that was stored in the meantime', async () => {
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

it('re-sealing finds every sealed value of an account and skips plaintext', async () => {
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
  await commit(1, 'orphan-1');
  await commit(1, 'orphan-2');
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
  // Each value opens at its place after re-sealing.
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
