/**
 * The registry of encryption keys across all processes of a database: the active key, the keys still needed, and the
 * keys each process has. A process without a needed key does not start; a key becomes active only once every process
 * has it.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { KeyOnRecord } from '../store/encryption/encryption-keys';
import type { AnnouncedProcess } from '../store/encryption/processes';
import type { Store } from '../store/store';
import { type Vault, VaultSealedError } from '../vault/vault';

/** Interval of heartbeats, in ms, and so the longest time a process may encrypt with the former key after a switch. */
const HEARTBEAT_MS = 5_000;

type RegistryStore = Pick<Store, 'encryptionKeys' | 'processes' | 'sealedRecords' | 'settings'>;

export interface KeyRegistration {
  /**
   * Rejects with a {@link VaultSealedError} once this process lacks a key that became active while it could not reach
   * MongoDB.
   */
  lockedOut: Promise<never>;
  /** Reads the active key now, rather than at the next heartbeat. */
  follow(): Promise<void>;
  stop(): Promise<void>;
}

export interface KeyRegistryInput {
  store: RegistryStore;
  vault: Vault;
  /** The kind of process, for people: `worker`. */
  role: string;
  /** Keys that are lost for good. */
  lostKeyIds?: readonly string[];
}

/**
 * Verifies that the vault has the keys this database needs, announces them, and selects the active key in the vault.
 * @throws {VaultSealedError} naming the missing key and the number of records that need it; then nothing was written
 */
export async function joinKeyRegistry(input: KeyRegistryInput): Promise<KeyRegistration> {
  const { store, vault, role } = input;
  await verifyKeys(input, await keysOnRecord(store));
  vault.sealWith(await sealingKey(store, vault));
  const self = (): AnnouncedProcess => ({
    id,
    name: `${role} ${process.pid}@${hostname()}`,
    keyChecks: vault.keyChecks(),
    sealingKeyId: vault.sealingKeyId,
    startedAt,
  });
  const id = randomBytes(9).toString('base64url');
  const startedAt = new Date();
  await store.processes.announce(self());
  try {
    // Verify again, now that a process that activates a key sees this one: at least one of the two notices the other.
    await verifyKeys(input, await store.encryptionKeys.list());
  } catch (error) {
    await store.processes.withdraw(id);
    throw error;
  }
  return follow(input, self);
}

/** Sends heartbeats, and follows changes of the active key. */
function follow(input: KeyRegistryInput, self: () => AnnouncedProcess): KeyRegistration {
  const { store, vault } = input;
  let lockOut: ((reason: VaultSealedError) => void) | undefined;
  const lockedOut = new Promise<never>((_resolve, reject) => {
    lockOut = reject;
  });
  // Callers handle it when they await it; if none does, it must not be an unhandled rejection.
  lockedOut.catch(() => undefined);
  let stopped = false;
  let heartbeats: Promise<void> = Promise.resolve();

  async function sendHeartbeat(): Promise<void> {
    if (stopped) return;
    const keys = await store.encryptionKeys.list();
    // A key that is about to become active is not required yet: a process without it makes the switch fail and keeps running.
    await verifyKeys(
      input,
      keys.filter(({ promotedAt }) => promotedAt !== null),
    );
    const former = vault.sealingKeyId;
    const now = await sealingKey(store, vault);
    if (now !== former) {
      vault.sealWith(now);
      // This process used the former key until now. If that key was retired meanwhile, records may need it again.
      await store.encryptionKeys.need(former, vault.keyChecks().get(former) ?? null);
    }
    await store.processes.announce(self());
  }
  const next = () => {
    heartbeats = heartbeats.then(sendHeartbeat).catch((error: unknown) => {
      if (error instanceof VaultSealedError) lockOut?.(error);
      // An outage of MongoDB is reported by the code that needs it; the next heartbeat retries.
    });
    return heartbeats;
  };
  const timer = setInterval(() => void next(), HEARTBEAT_MS);
  timer.unref();
  return {
    lockedOut,
    follow: next,
    async stop() {
      clearInterval(timer);
      stopped = true;
      await heartbeats;
      // If MongoDB is unreachable, the missing heartbeats remove the process.
      await store.processes.withdraw(self().id).catch(() => undefined);
    },
  };
}

/** @throws {VaultSealedError} */
async function verifyKeys(
  { store, vault, lostKeyIds = [] }: KeyRegistryInput,
  keys: readonly KeyOnRecord[],
): Promise<void> {
  const have = vault.keyChecks();
  for (const { id, check, needed, removedAt, unreadable } of keys) {
    const own = have.get(id);
    if (own !== undefined && check !== null && own !== check) {
      throw new VaultSealedError(
        `key mismatch: ENCRYPTION_KEYS has a key named "${id}", but it differs from the key of that name in the other processes of this database`,
      );
    }
    if (own !== undefined || lostKeyIds.includes(id)) continue;
    if (!needed && removedAt !== null) continue;
    const records = await store.sealedRecords.countWith(id);
    if (needed || records > unreadable) throw missing(vault, id, records);
    // The records are counted only once: the registry now says that the key is gone.
    await store.encryptionKeys.recordRemoval(id, new Date());
  }
}

function missing(vault: Vault, keyId: string, records: number): VaultSealedError {
  const encrypted = records === 1 ? '1 record is' : `${records.toLocaleString('en')} records are`;
  return new VaultSealedError(
    `the key "${keyId}" is still needed but is not in ENCRYPTION_KEYS (it has: ${vault.keyIds.join(', ')}): ${encrypted} encrypted with it. ` +
      `(If the key is lost for good, set ENCRYPTION_KEYS_LOST=${keyId} to give up these records; their accounts must then be reconnected.)`,
  );
}

/** Scans the records for keys if none is registered yet. Writes nothing. */
async function keysOnRecord(store: RegistryStore): Promise<KeyOnRecord[]> {
  const keys = await store.encryptionKeys.list();
  if (keys.length > 0) return keys;
  return (await store.sealedRecords.keyIdsInUse()).map((id) => ({
    id,
    check: null,
    needed: true,
    promotedAt: null,
    retiredAt: null,
    unreadable: 0,
    removedAt: null,
  }));
}

/** Returns the active key. If none is stored yet, stores the first key of this vault that any record uses. */
async function sealingKey(
  { settings, encryptionKeys, sealedRecords }: RegistryStore,
  vault: Vault,
) {
  const known = await settings.sealingKeyId();
  if (known !== null) return known;
  const inUse = await sealedRecords.keyIdsInUse();
  const have = vault.keyChecks();
  const now = new Date();
  for (const id of inUse) {
    await encryptionKeys.need(id, have.get(id) ?? null);
    await encryptionKeys.recordPromotion(id, now);
  }
  const first = vault.keyIds.find((id) => inUse.includes(id)) ?? vault.sealingKeyId;
  return settings.setSealingKeyIdIfAbsent(first);
}

/** The message tells the operator why the key did not become active. */
export class KeyNotPromotedError extends Error {
  override name = 'KeyNotPromotedError';
}

/**
 * Makes a key the active one if every process has it; all processes follow within seconds.
 * @param wanted id of the key; `undefined`: the key that was never active or, if none, the active key
 * @returns the id of the active key
 * @throws {KeyNotPromotedError}
 */
export async function promoteKey(
  store: RegistryStore,
  vault: Vault,
  wanted: string | undefined,
): Promise<string> {
  const from = await sealingKey(store, vault);
  const keys = await store.encryptionKeys.list();
  const to = wanted ?? newKeyOf(vault, keys, from);
  if (to === from) return to;
  const check = vault.keyChecks().get(to);
  if (check === undefined) {
    throw new KeyNotPromotedError(
      `ENCRYPTION_KEYS has no key "${to}" (it has: ${vault.keyIds.join(', ')}). Add the key at the end of ENCRYPTION_KEYS of every process, and restart the processes one by one.`,
    );
  }
  // Registered before the processes are checked, so that a process starting from now on without the key is refused.
  const isNeeded = keys.some(({ id, needed }) => id === to && needed);
  if (!isNeeded) await store.encryptionKeys.prepare(to, check);
  const living = await store.processes.living();
  const without = living.filter(({ keyChecks }) => keyChecks.get(to) !== check);
  if (without.length > 0) {
    if (!isNeeded) await store.encryptionKeys.forget(to);
    throw notDistributed(to, without);
  }
  await store.encryptionKeys.recordPromotion(to, new Date());
  if (!(await store.settings.moveSealingKeyId(from, to)))
    throw new KeyNotPromotedError(
      'Another rotation activated a key in the meantime. Check the active key and try again.',
    );
  vault.sealWith(to);
  return to;
}

function notDistributed(to: string, without: readonly AnnouncedProcess[]): KeyNotPromotedError {
  const other = without.filter(({ keyChecks }) => keyChecks.has(to));
  return new KeyNotPromotedError(
    other.length > 0
      ? `The key "${to}" is not the same in all processes: ${namesOf(other)} has another key with that name. Correct its ENCRYPTION_KEYS, restart it, and try again.`
      : `Not all processes have the key "${to}" yet: ${namesOf(without)} could not decrypt records encrypted with it. Add it at the end of their ENCRYPTION_KEYS, restart them, and try again.`,
  );
}

function namesOf(processes: readonly AnnouncedProcess[]): string {
  return processes.map(({ name }) => name).join(', ');
}

function newKeyOf(vault: Vault, keys: readonly KeyOnRecord[], sealing: string): string {
  const onRecord = new Set(keys.map(({ id }) => id));
  const [fresh = sealing, ...more] = vault.keyIds.filter((id) => !onRecord.has(id));
  if (more.length > 0) {
    throw new KeyNotPromotedError(
      `${more.length + 1} keys were never active (${[fresh, ...more].join(', ')}). Name the key to activate.`,
    );
  }
  return fresh;
}
