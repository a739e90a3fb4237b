/**
 * The encryption keys that this database needs: which have sealed, and whether records of theirs may be left. Never the
 * keys themselves. A key is on record before it seals for the first time, so a start need not search the records.
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
  /** Of `KeyRing.keyChecks`; `null`: records name it, and no process had it. */
  check: string | null;
  /** Records may be sealed with it: no process may be without it. */
  needed: boolean;
  promotedAt: Date | null;
  retiredAt: Date | null;
  /** Of its records, those that no key opens: they were there when it was retired, and need it no more. */
  unreadable: number;
  /** When a process first started without it, after it was retired. */
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

  /** A key is about to seal: who starts from now on must have it. */
  async prepare(keyId: string, check: string): Promise<void> {
    await this.#keys.updateOne(
      { _id: keyId },
      { $set: { ...NEEDED, check, promoted_at: null } },
      { upsert: true },
    );
  }

  /** Takes {@link prepare} back: somebody has not got the key. */
  async forget(keyId: string): Promise<void> {
    await this.#keys.deleteOne({ _id: keyId, promoted_at: null });
  }

  /** Records are, or may be, sealed with this key: no process may be without it. */
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

  /** No record needs this key any more; those that are left of it open with none. */
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
