/**
 * The custody of the encryption keys, over all processes of a database: which key seals, which are needed, and who has
 * them. A process without a needed key does not start; a key seals only once every process has it.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { KeyOnRecord } from './store/encryption-keys';
import type { AnnouncedProcess } from './store/processes';
import type { Store } from './store/store';
import { type Vault, VaultSealedError } from './vault/vault';

/** How long a process may go on sealing with the former key after another one was promoted. */
const BEAT_MS = 5_000;

type Keeping = Pick<Store, 'encryptionKeys' | 'processes' | 'sealedRecords' | 'settings'>;

export interface KeyCustody {
  /** Rejects with a {@link VaultSealedError} once this process lacks a key: it was away while that one was promoted. */
  lockedOut: Promise<never>;
  /** Looks at once which key seals, rather than at the next beat. */
  follow(): Promise<void>;
  stop(): Promise<void>;
}

export interface CustodyInput {
  store: Keeping;
  vault: Vault;
  /** What this process is, for people: `worker`. */
  role: string;
  /** Keys that are gone for good. */
  lostKeyIds?: readonly string[];
}

/**
 * Proves the keys against what this database needs, announces them, and has the vault seal with the one that seals.
 * @throws {VaultSealedError} naming the key that is missing, and how many records need it; nothing was written then
 */
export async function takeCustody(input: CustodyInput): Promise<KeyCustody> {
  const { store, vault, role } = input;
  await proveKeys(input, await keysOnRecord(store));
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
    // Again, now that whoever promotes a key sees this process: of the two, one sees the other.
    await proveKeys(input, await store.encryptionKeys.list());
  } catch (error) {
    await store.processes.withdraw(id);
    throw error;
  }
  return follow(input, self);
}

/** Announces every few seconds that the process lives, and goes by what seals now. */
function follow(input: CustodyInput, self: () => AnnouncedProcess): KeyCustody {
  const { store, vault } = input;
  let lockOut: ((reason: VaultSealedError) => void) | undefined;
  const lockedOut = new Promise<never>((_resolve, reject) => {
    lockOut = reject;
  });
  // Handled by whoever awaits it; one that nobody awaits ends no process.
  lockedOut.catch(() => undefined);
  let stopped = false;
  let beating: Promise<void> = Promise.resolve();

  async function beat(): Promise<void> {
    if (stopped) return;
    const keys = await store.encryptionKeys.list();
    // One that is about to be promoted is asked about first: who has not got it yet goes on.
    await proveKeys(
      input,
      keys.filter(({ promotedAt }) => promotedAt !== null),
    );
    const former = vault.sealingKeyId;
    const now = await sealingKey(store, vault);
    if (now !== former) {
      vault.sealWith(now);
      // It sealed until this moment: were the former key retired meanwhile, it is needed until it is verified again.
      await store.encryptionKeys.need(former, vault.keyChecks().get(former) ?? null);
    }
    await store.processes.announce(self());
  }
  const next = () => {
    beating = beating.then(beat).catch((error: unknown) => {
      if (error instanceof VaultSealedError) lockOut?.(error);
      // A database that is away is said by whoever needs it; the next beat finds out.
    });
    return beating;
  };
  const timer = setInterval(() => void next(), BEAT_MS);
  timer.unref();
  return {
    lockedOut,
    follow: next,
    async stop() {
      clearInterval(timer);
      stopped = true;
      await beating;
      // A database that is away takes it for gone by itself.
      await store.processes.withdraw(self().id).catch(() => undefined);
    },
  };
}

/** @throws {VaultSealedError} */
async function proveKeys(
  { store, vault, lostKeyIds = [] }: CustodyInput,
  keys: readonly KeyOnRecord[],
): Promise<void> {
  const have = vault.keyChecks();
  for (const { id, check, needed, removedAt, unreadable } of keys) {
    const mine = have.get(id);
    if (mine !== undefined && check !== null && mine !== check) {
      throw new VaultSealedError(
        `key mismatch: ENCRYPTION_KEYS has a key named "${id}", but it is not the one that the other processes of this database have`,
      );
    }
    if (mine !== undefined || lostKeyIds.includes(id)) continue;
    if (!needed && removedAt !== null) continue;
    const records = await store.sealedRecords.countWith(id);
    if (needed || records > unreadable) throw missing(vault, id, records);
    // Counted once: from here on the record says that it is gone.
    await store.encryptionKeys.recordRemoval(id, new Date());
  }
}

function missing(vault: Vault, keyId: string, records: number): VaultSealedError {
  const sealed = records === 1 ? '1 record is' : `${records.toLocaleString('en')} records are`;
  return new VaultSealedError(
    `the key "${keyId}" is still needed, and is not in ENCRYPTION_KEYS (it has: ${vault.keyIds.join(', ')}): ${sealed} sealed with it. ` +
      `(If it is lost for good, ENCRYPTION_KEYS_LOST=${keyId} gives those up: their accounts must be connected again)`,
  );
}

/** A database of before keys were on record is searched, once. Nothing is written. */
async function keysOnRecord(store: Keeping): Promise<KeyOnRecord[]> {
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

/** The key that seals; where none is on record yet, the first of ours that has sealed something. */
async function sealingKey({ settings, encryptionKeys, sealedRecords }: Keeping, vault: Vault) {
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

/** Why a key was not promoted, in a sentence. */
export class KeyNotPromotedError extends Error {
  override name = 'KeyNotPromotedError';
}

/**
 * Lets a key seal from now on, if every process has it; all of them follow within seconds.
 * @param wanted its id; `undefined`: the one that has never sealed, or, where there is none, the one that seals
 * @returns the id of the key that seals now
 * @throws {KeyNotPromotedError}
 */
export async function promoteKey(
  store: Keeping,
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
      `There is no key "${to}" in ENCRYPTION_KEYS (it has: ${vault.keyIds.join(', ')}). Put it at the end of that of every process, and restart them one by one.`,
    );
  }
  // Before anybody is asked who has it: a process that starts from here on without it is refused.
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
    throw new KeyNotPromotedError('Another key was promoted at this moment. Look, and ask again.');
  vault.sealWith(to);
  return to;
}

function notDistributed(to: string, without: readonly AnnouncedProcess[]): KeyNotPromotedError {
  const other = without.filter(({ keyChecks }) => keyChecks.has(to));
  return new KeyNotPromotedError(
    other.length > 0
      ? `The key "${to}" is not the same everywhere: ${namesOf(other)} has another one of that name. Correct its ENCRYPTION_KEYS, restart it, and ask again.`
      : `The key "${to}" is not everywhere yet: ${namesOf(without)} would not open what it seals. Put it at the end of their ENCRYPTION_KEYS, restart them, and ask again.`,
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
      `There are ${more.length + 1} keys that have never sealed (${[fresh, ...more].join(', ')}): say which is to seal.`,
    );
  }
  return fresh;
}
