/** Single values that belong to a database: its canary, which key seals, what was last applied to schedules. */
import { type Connection, type InferSchemaType, type Model, Schema } from 'mongoose';
import type { CanaryStore } from '../vault/vault';

const settingSchema = new Schema(
  { _id: { type: String, required: true }, value: { type: String, required: true } },
  { collection: 'settings', strictQuery: 'throw', versionKey: false },
);

type SettingDocument = InferSchemaType<typeof settingSchema> & { _id: string };

const CANARY = 'canary';
const SEALING_KEY = 'sealing-key';

export class Settings implements CanaryStore {
  readonly #settings: Model<SettingDocument>;

  constructor(connection: Connection) {
    this.#settings = connection.model<SettingDocument>(
      'Setting',
      settingSchema as unknown as Schema<SettingDocument>,
    );
  }

  readCanary(): Promise<string | null> {
    return this.#read(CANARY);
  }

  async writeCanaryIfAbsent(sealed: string): Promise<string> {
    await this.#settings.updateOne(
      { _id: CANARY },
      { $setOnInsert: { value: sealed } },
      { upsert: true },
    );
    return (await this.#read(CANARY)) ?? sealed;
  }

  /** The id of the encryption key that seals, or `null` if none is on record. */
  sealingKeyId(): Promise<string | null> {
    return this.#read(SEALING_KEY);
  }

  /** The first process of a database says which key seals; all others go by it. */
  async setSealingKeyIdIfAbsent(keyId: string): Promise<string> {
    await this.#settings.updateOne(
      { _id: SEALING_KEY },
      { $setOnInsert: { value: keyId } },
      { upsert: true },
    );
    return (await this.sealingKeyId()) ?? keyId;
  }

  /**
   * Lets another key seal.
   * @returns `false` if it was not `from` that sealed
   */
  async moveSealingKeyId(from: string, to: string): Promise<boolean> {
    const result = await this.#settings.updateOne(
      { _id: SEALING_KEY, value: from },
      { $set: { value: to } },
    );
    return result.matchedCount === 1;
  }

  /** The configuration last applied to a schedule, or `null` if none is on record. */
  appliedSchedule(scheduleId: string): Promise<string | null> {
    return this.#read(`schedule/${scheduleId}`);
  }

  recordAppliedSchedule(scheduleId: string, configuration: string): Promise<void> {
    return this.#write(`schedule/${scheduleId}`, configuration);
  }

  /** The policy by which the clocks of a provider's accounts were written, or `null` if none is on record. */
  appliedPolicy(provider: string): Promise<string | null> {
    return this.#read(`policy/${provider}`);
  }

  recordAppliedPolicy(provider: string, policy: string): Promise<void> {
    return this.#write(`policy/${provider}`, policy);
  }

  async #write(id: string, value: string): Promise<void> {
    await this.#settings.updateOne({ _id: id }, { $set: { value } }, { upsert: true });
  }

  async #read(id: string): Promise<string | null> {
    return (await this.#settings.findById(id).lean<SettingDocument>())?.value ?? null;
  }
}
