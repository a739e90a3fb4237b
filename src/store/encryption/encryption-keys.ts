/**
 * The encryption keys of this database by id, never the keys themselves: which are in use, and which may still be
 * needed for decryption. A key is recorded before its first use, so that a start need not scan the records.
 */
import { type Connection, type InferSchemaType, type Model, Schema } from 'mongoose';

const keySchema = new Schema(
  {
    _id: { type: String, required: true },
    check: { type: String, default: null },
    needed: { type: Boolean, required: true },
    promoted_at: { type: Date, default: null },
    retired_at: { type: Date, default: null },
    unreadable: { type: Number, default: 0 },
    removed_at: { type: Date, default: null },
  },
  { collection: 'encryption_keys', strictQuery: 'throw', versionKey: false },
);

type KeyDocument = InferSchemaType<typeof keySchema> & { _id: string };

const NEEDED = { needed: true, retired_at: null, removed_at: null, unreadable: 0 };

export interface KeyOnRecord {
  id: string;
  /** From `KeyRing.keyChecks`; `null` if records name the key but no process ever had it. */
  check: string | null;
  /** Records may be encrypted with this key, so every process must have it. */
  needed: boolean;
  promotedAt: Date | null;
  retiredAt: Date | null;
  /** Records of this key that no key could decrypt when it was retired. They do not need it any more. */
  unreadable: number;
  /** When a process first started without the key, after it was retired. */
  removedAt: Date | null;
}

export class EncryptionKeys {
  readonly #keys: Model<KeyDocument>;

  constructor(connection: Connection) {
    this.#keys = connection.model<KeyDocument>(
      'EncryptionKey',
      keySchema as unknown as Schema<KeyDocument>,
    );
  }

  async list(): Promise<KeyOnRecord[]> {
    const documents = await this.#keys.find().sort({ _id: 1 }).lean<KeyDocument[]>();
    return documents.map((document) => ({
      id: document._id,
      check: document.check ?? null,
      needed: document.needed,
      promotedAt: document.promoted_at ?? null,
      retiredAt: document.retired_at ?? null,
      unreadable: document.unreadable,
      removedAt: document.removed_at ?? null,
    }));
  }

  /** Records that a key is about to encrypt. Processes that start after this must have it. */
  async prepare(keyId: string, check: string): Promise<void> {
    await this.#keys.updateOne(
      { _id: keyId },
      { $set: { ...NEEDED, check, promoted_at: null } },
      { upsert: true },
    );
  }

  /** Undoes {@link prepare}, for when a process lacks the key. */
  async forget(keyId: string): Promise<void> {
    await this.#keys.deleteOne({ _id: keyId, promoted_at: null });
  }

  /** Records that records may be encrypted with this key, so every process must have it. */
  async need(keyId: string, check: string | null): Promise<void> {
    await this.#keys.updateOne(
      { _id: keyId },
      { $set: NEEDED, $setOnInsert: { check } },
      { upsert: true },
    );
  }

  async recordPromotion(keyId: string, now: Date): Promise<void> {
    await this.#keys.updateOne({ _id: keyId }, { $set: { promoted_at: now } });
  }

  /** Records that no record needs this key any more. `unreadable` records remain, which no key decrypts. */
  async retire(keyId: string, unreadable: number, now: Date): Promise<void> {
    await this.#keys.updateOne(
      { _id: keyId },
      { $set: { needed: false, retired_at: now, unreadable } },
    );
  }

  async recordRemoval(keyId: string, now: Date): Promise<void> {
    await this.#keys.updateOne({ _id: keyId }, { $set: { removed_at: now } });
  }
}
