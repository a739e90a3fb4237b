/** Re-encrypts one page of records with the active key. Safe to repeat: records under that key are not read. */
import { ApplicationFailure } from '@temporalio/activity';
import type { ResealedPage, RotationCursor } from '../domain/encryption-rotation';
import type { RefreshDependencies } from '../refresh/dependencies';
import type { ResealedRecord, SealedRecord } from '../store/encryption/sealed-records';
import { OpenError, sealingKeyOf } from '../vault/sealing';
import type { Vault } from '../vault/vault';

/** Records per page; small, so that re-encrypting a page does not block other work in this process. */
const PAGE = 100;
/** Unreadable records that are named; the others are only counted. */
const NAMED_MAX = 20;

export async function resealRecords(
  { store, vault }: Pick<RefreshDependencies, 'store' | 'vault'>,
  { to, cursor }: { to: string; cursor: RotationCursor },
): Promise<ResealedPage> {
  await requireSealing({ store, vault }, to);
  const { records, next } = await store.sealedRecords.page(to, cursor, PAGE);
  const unreadable: Record<string, number> = {};
  const unreadableRecords: string[] = [];
  const readable: ResealedRecord[] = [];
  for (const record of records) {
    const { resealed, failed } = resealedRecord(vault, record, to);
    if (resealed.values.length > 0) readable.push(resealed);
    if (failed.size === 0) continue;
    for (const keyId of failed) unreadable[keyId] = (unreadable[keyId] ?? 0) + 1;
    if (unreadableRecords.length < NAMED_MAX)
      unreadableRecords.push(`${record.collection}/${record.id}`);
  }
  const resealed = await store.sealedRecords.replace(readable);
  return { next, resealed, skipped: readable.length - resealed, unreadable, unreadableRecords };
}

/** Throws unless `to` is the active key and this worker has it. Lacking the key is retryable on another worker. */
async function requireSealing(
  { store, vault }: Pick<RefreshDependencies, 'store' | 'vault'>,
  to: string,
): Promise<void> {
  if ((await store.settings.sealingKeyId()) !== to) {
    throw ApplicationFailure.nonRetryable(
      `The key "${to}" is no longer the active encryption key.`,
      'superseded',
    );
  }
  if (!vault.hasKey(to)) {
    throw ApplicationFailure.retryable(
      `This worker has no encryption key "${to}". Restart the worker with the new ENCRYPTION_KEYS.`,
      'configured_otherwise',
    );
  }
}

function resealedRecord(
  vault: Vault,
  { collection, id, values }: SealedRecord,
  to: string,
): { resealed: ResealedRecord; failed: Set<string> } {
  const failed = new Set<string>();
  const resealed: ResealedRecord = { collection, id, values: [] };
  for (const value of values) {
    try {
      const { sealed, place, purpose } = value;
      resealed.values.push({ ...value, resealed: vault.reseal(sealed, place, purpose, to) });
    } catch (error) {
      if (!(error instanceof OpenError)) throw error;
      failed.add(sealingKeyOf(value.sealed) ?? '?');
    }
  }
  return { resealed, failed };
}
