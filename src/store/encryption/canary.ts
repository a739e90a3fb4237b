/** The encrypted value that proves at start that the encryption keys belong to this database. */
import { type Connection, type InferSchemaType, type Model, Schema } from 'mongoose';
import type { CanaryStore } from '../../vault/vault';

const canarySchema = new Schema(
  { _id: { type: String, required: true }, value: { type: String, required: true } },
  { collection: 'settings', strictQuery: 'throw', versionKey: false },
);

type CanaryDocument = InferSchemaType<typeof canarySchema> & { _id: string };

const CANARY = 'canary';

export class Canary implements CanaryStore {
  readonly #settings: Model<CanaryDocument>;

  constructor(connection: Connection) {
    this.#settings = connection.model<CanaryDocument>(
      'Canary',
      canarySchema as unknown as Schema<CanaryDocument>,
    );
  }

  async readCanary(): Promise<string | null> {
    return (await this.#settings.findById(CANARY).lean<CanaryDocument>())?.value ?? null;
  }

  async writeCanaryIfAbsent(sealed: string): Promise<string> {
    await this.#settings.updateOne(
      { _id: CANARY },
      { $setOnInsert: { value: sealed } },
      { upsert: true },
    );
    return (await this.readCanary()) ?? sealed;
  }
}
