/**
 * F23, short version: the encryption key is rotated during refreshes, token requests and reconnects, with two
 * processes, a pause and a killed worker. Everything decrypts at all times; in the end nothing is encrypted with the
 * old key.
 */
import mongoose from 'mongoose';
import { persistGrant } from '../../src/activities/persist-grant';
import { resealRecords } from '../../src/activities/reseal-records';
import type { RotationCursor } from '../../src/domain/encryption-rotation';
import { joinKeyRegistry, type KeyRegistration, promoteKey } from '../../src/process/key-registry';
import { KeyRing } from '../../src/vault/key-ring';
import { sealingKeyOf } from '../../src/vault/sealing';
import { grantPlace, Vault, VaultSealedError } from '../../src/vault/vault';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';
import { spawnWorker } from '../support/worker-process';
import { randomKey } from '../vault/_keys';

const OLD = `k1:${randomKey()}`;
const NEW = `k2:${randomKey()}`;
/** One page of records; the canary is on another. */
const ACCOUNTS = 60;
const ROTATION = '/api/admin/encryption/rotation';

let h: Harness;
let key: string;
let tokensKey: string;
let keyRegistration: KeyRegistration;
beforeAll(async () => {
  h = await startHarness({
    worker: false,
    encryptionKeys: `${OLD},${NEW}`,
    providers: ['ebay', 'etsy'],
  });
  key = await h.key({ scopes: ['admin', 'operator'] });
  tokensKey = await h.key({ scopes: ['tokens'] });
  keyRegistration = await joinKeyRegistry({ store: h.store, vault: h.vault, role: 'api' });
});
afterAll(async () => {
  await keyRegistration?.stop();
  await h?.stop();
});

const post = async (path: string, body: object = {}) => h.request(key, 'POST', path, body);
const rotation = async () => (await h.request(key, 'GET', ROTATION)).body;

/** Every encrypted value in the database, found independently of the list that rotation uses. */
async function sealedValues(): Promise<{ where: string; sealed: string }[]> {
  const connection = await mongoose.createConnection(h.mongodbUri).asPromise();
  const found: { where: string; sealed: string }[] = [];
  const search = (where: string, value: unknown): void => {
    // Log entries hold the first characters of some values, which do not count.
    if (typeof value === 'string' && sealingKeyOf(value) !== null)
      found.push({ where, sealed: value });
    else if (typeof value === 'object' && value !== null)
      for (const [name, one] of Object.entries(value)) search(`${where}.${name}`, one);
  };
  for (const { name } of (await connection.db?.listCollections().toArray()) ?? [])
    for (const document of (await connection.db?.collection(name).find().toArray()) ?? [])
      search(name, document);
  await connection.close();
  return found;
}

const keysInUse = async () =>
  new Set((await sealedValues()).map(({ sealed }) => sealingKeyOf(sealed)));

it('F23 a key rotation during refreshes keeps every value readable, loses no newer grant, and leaves nothing under the old key', async () => {
  const accounts = [];
  for (let n = 0; n < ACCOUNTS; n += 1)
    accounts.push(
      await h.addAccount({ provider: n % 3 === 0 ? 'etsy' : 'ebay', expiresInMs: 3600_000 }),
    );
  const ids = accounts.map(({ id }) => id);
  await h.request(key, 'PATCH', `/api/admin/accounts/${ids[3]}`, {
    fallback_access_token: 'a-static-token',
    owner_email: 'owner@example.com',
  });
  expect(await keysInUse()).toEqual(new Set(['k1']));

  // A second process, which uses the old key until its next heartbeat.
  const otherVault = await Vault.open(KeyRing.parse(`${OLD},${NEW}`), h.store.canary);
  const other = await joinKeyRegistry({ store: h.store, vault: otherVault, role: 'worker' });

  // Paused before a worker starts: nothing is re-encrypted, and refreshes continue.
  expect(await post('/api/admin/encryption/rotate')).toMatchObject({
    status: 200,
    body: { status: 'running', progress: null },
  });
  await post('/api/admin/encryption/pause', { note: 'not now' });
  const worker = spawnWorker(h, `${OLD},${NEW}`);
  await eventually(async () => (await rotation()).status === 'paused');
  expect(await rotation()).toMatchObject({
    to: 'k2',
    progress: { paused: { note: 'not now' }, resealed: 0, finished_at: null },
  });

  // From here on: refreshes, token requests, and checks that every stored value decrypts.
  const run = { over: false, refreshed: 0, served: 0, opened: 0, failures: [] as string[] };
  /** Accounts whose request the killed worker had sent; their outcome is unknown and logged as such. */
  const unknown = new Set<string>();
  const using = [0, 1].map(async (limiter) => {
    for (let n = limiter; !run.over; n += 2) {
      const id = ids[n % ids.length] ?? '';
      const answer = await post(`/api/admin/accounts/${id}/refresh`, { force: true });
      if (answer.body.outcome === 'refreshed') run.refreshed += 1;
      else if (answer.body.exchange === 'unknown') unknown.add(id);
      else if (answer.status !== 504) run.failures.push(`${id}: ${JSON.stringify(answer.body)}`);
      const { body } = await h.request(
        tokensKey,
        'GET',
        `/api/tokens/${ids.at(-(n % ids.length))}`,
      );
      if (body.active === true) run.served += 1;
      else run.failures.push(`${id}: ${JSON.stringify(body)}`);
      for (const looked of [n, n * 7, n * 13].map((at) => ids[at % ids.length] ?? ''))
        run.opened += await opened(looked, run.failures);
    }
  });
  /** Decrypts all grants of an account, as another process does. */
  async function opened(id: string, failures: string[]): Promise<number> {
    const account = await h.account(id);
    const { current, previous, orphanedGrants } = account;
    const grants = [current, previous, ...orphanedGrants].filter((one) => one !== null);
    try {
      for (const { accessToken, refreshToken, generation } of grants) {
        const place = grantPlace(account, generation);
        otherVault.openToken(accessToken ?? '', place, 'access_token');
        otherVault.openToken(refreshToken ?? '', place, 'refresh_token');
      }
    } catch (error) {
      failures.push(`${id}: ${String(error)}`);
    }
    return grants.length * 2;
  }

  await eventually(() => run.refreshed >= 10);
  expect((await rotation()).progress).toMatchObject({ resealed: 0 });
  await post('/api/admin/encryption/resume');

  // The worker is killed during the rotation, and another one continues.
  await eventually(async () => (await rotation()).progress?.resealed > 0, 60_000);
  worker.child.kill('SIGKILL');
  await worker.exited;
  await h.startWorker();
  const done = await eventually(async () => {
    const body = await rotation();
    return body.status === 'completed' && body;
  }, 120_000);
  run.over = true;
  await Promise.all(using);
  await other.stop();

  expect(run.failures).toEqual([]);
  expect(unknown.size).toBeLessThanOrEqual(using.length);
  expect(run.refreshed).toBeGreaterThan(20);
  expect(run.served).toBeGreaterThan(20);
  expect(run.opened).toBeGreaterThan(100);
  expect(done.progress).toMatchObject({
    phase: 'done',
    remaining: {},
    unreadable: {},
    waiting_grants: 0,
    removable_keys: ['k1'],
  });
  expect(await keysInUse()).toEqual(new Set(['k2']));

  // The stored grants are the provider's newest; an overwritten grant would be refused or unknown.
  let lost = 0;
  for (const id of ids.filter((one) => !unknown.has(one))) {
    const account = await h.account(id);
    const { current, state, generation } = account;
    const place = grantPlace(account, generation);
    const token = h.vault.openToken(current.accessToken ?? '', place, 'access_token');
    if (state !== 'active' || !h.sandbox.isAccessTokenActive(token)) lost += 1;
  }
  expect(lost).toBe(0);
  expect(
    h.sandbox.ledger.filter(
      (e) =>
        e.event === 'received' && e.rotatedTokenPresented === true && !unknown.has(e.subject ?? ''),
    ),
  ).toEqual([]);

  // The old key may be removed: a process starts without it, but not without the new one.
  await expect(
    Vault.open(KeyRing.parse(NEW), h.store.canary).then((vault) =>
      joinKeyRegistry({ store: h.store, vault, role: 'worker' }).then((one) => one.stop()),
    ),
  ).resolves.toBeUndefined();
  await expect(Vault.open(KeyRing.parse(OLD), h.store.canary)).rejects.toThrow(VaultSealedError);
}, 300_000);

it('F23 a refresh that runs during the re-encryption does not bring the old key back', async () => {
  // eBay keeps its refresh token, so the commit writes values that were read before the rotation.
  const { id } = await h.addAccount({ provider: 'ebay' });
  h.sandbox.script({
    subject: id,
    answer: { kind: 'normal', delayMs: 12_000, delayAt: 'after_commit' },
  });
  const sent = new Promise<void>((resolve) => h.sandbox.on('committed', () => resolve()));
  const asked = post(`/api/admin/accounts/${id}/refresh`, { force: true });
  await sent;
  // Back to k1. The worker of this test shares the vault, so it encrypts with k1 at once.
  for (const { id: other } of await h.store.processes.living())
    await h.store.processes.withdraw(other);
  expect(await promoteKey(h.store, h.vault, 'k1')).toBe('k1');
  for (let cursor: RotationCursor = null, first = true; first || cursor !== null; first = false)
    ({ next: cursor } = await resealRecords(h, { to: 'k1', cursor }));
  expect(await h.store.sealedRecords.countWith('k2')).toBe(0);
  expect(await h.account(id)).toMatchObject({ generation: 1 });

  expect((await asked).body).toMatchObject({ outcome: 'refreshed', generation: 2 });
  expect(await keysInUse()).toEqual(new Set(['k1']));
}, 120_000);

it('F23 a grant that waited in Temporal under the old key is stored under the new one', async () => {
  const account = await h.addAccount();
  const { id } = account;
  const before = await Vault.open(KeyRing.parse(`${NEW},${OLD}`), h.store.canary);
  const place = grantPlace(account, 2);
  const grant = { ...account.current, ...before.sealGrant(account.plain, place), attemptId: 'a1' };
  expect(sealingKeyOf(grant.accessToken ?? '')).toBe('k2');
  expect(
    await persistGrant(
      { store: h.store, now: () => new Date() },
      { accountId: id, generation: 1, grant, source: 'scheduled' },
    ),
  ).toEqual({ committed: true });
  expect(await h.store.sealedRecords.countWith('k2')).toBe(0);
  const { current } = await h.account(id);
  expect(h.vault.openToken(current.accessToken ?? '', place, 'access_token')).toBe(
    account.plain.accessToken,
  );
});
