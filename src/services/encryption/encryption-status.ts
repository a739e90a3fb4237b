/** The encryption keys, their use and number of records, and the processes that have them: ids and counts, never a key. */
import type { Store } from '../../store/store';
import type { EncryptionClient, Rotation } from '../../temporal/encryption-client';
import type { Vault } from '../../vault/vault';
import { encryptionKeyIds } from './encryption-key-ids';

interface EncryptionKeyStatus {
  id: string;
  /** New values are encrypted with it. */
  seals: boolean;
  /** Whether this process has the key. */
  present: boolean;
  /** The running processes that lack the key, or have another key with its id. */
  missingFrom: string[];
  /** `null` until a worker has counted. */
  records: number | null;
  /** Records may be encrypted with it, so every process must have it. */
  needed: boolean;
  promotedAt: Date | null;
  retiredAt: Date | null;
}

export interface EncryptionStatus {
  sealingKey: string;
  keys: EncryptionKeyStatus[];
  /** Records of a key that is neither registered nor available to this process. `null` until a worker has counted. */
  otherRecords: number | null;
  /** When the records were counted. */
  asOf: Date | null;
  processes: { name: string; keys: string[]; sealingKey: string; seenAt: Date }[];
  rotation: Rotation | null;
}

export interface EncryptionStatusDependencies {
  store: Pick<Store, 'encryptionKeys' | 'processes' | 'settings' | 'sealedRecords'>;
  vault: Pick<Vault, 'keyIds' | 'keyChecks' | 'sealingKeyId'>;
  encryption: Pick<EncryptionClient, 'rotation'>;
  now: () => Date;
}

export async function encryptionStatus({
  store,
  vault,
  encryption,
  now,
}: EncryptionStatusDependencies): Promise<EncryptionStatus> {
  const ids = await encryptionKeyIds({ store, vault });
  const [onRecord, living, sealing, rotation, counted] = await Promise.all([
    store.encryptionKeys.list(),
    store.processes.living(),
    store.settings.sealingKeyId(),
    encryption.rotation(),
    store.sealedRecords.perKey(ids, now()),
  ]);
  const checks = vault.keyChecks();
  const sealingKey = sealing ?? vault.sealingKeyId;
  const { asOf, counts } = counted;
  const keys = ids.map((id) => {
    const key = onRecord.find((one) => one.id === id);
    const check = checks.get(id) ?? key?.check;
    return {
      id,
      seals: id === sealingKey,
      present: checks.has(id),
      missingFrom: living
        .filter(({ keyChecks }) => keyChecks.get(id) !== check)
        .map(({ name }) => name),
      records: counts && (counts.keys.find((one) => one.id === id)?.records ?? 0),
      needed: key?.needed ?? false,
      promotedAt: key?.promotedAt ?? null,
      retiredAt: key?.retiredAt ?? null,
    };
  });
  return {
    sealingKey,
    keys,
    otherRecords: counts?.others ?? null,
    asOf: asOf ?? null,
    processes: living.map(({ name, keyChecks, sealingKeyId, seenAt }) => ({
      name,
      keys: [...keyChecks.keys()],
      sealingKey: sealingKeyId,
      seenAt,
    })),
    rotation,
  };
}
