/** Single values of a database, such as the active encryption key and the last applied schedule configuration. */
import { type Connection, type InferSchemaType, type Model, Schema } from 'mongoose';
import { InvalidRowError, type RowIntegrity } from './row-integrity';

const settingSchema = new Schema(
  {
    _id: { type: String, required: true },
    value: { type: String, required: true },
    /** Authentication code of the active encryption key. No other setting grants anything, so no other has a code. */
    code: String,
  },
  { collection: 'settings', strictQuery: 'throw', versionKey: false },
);

type SettingDocument = InferSchemaType<typeof settingSchema> & { _id: string };

const SEALING_KEY = 'sealing-key';

export class Settings {
  readonly #settings: Model<SettingDocument>;
  readonly #integrity: RowIntegrity;

  constructor(connection: Connection, integrity: RowIntegrity) {
    this.#integrity = integrity;
    this.#settings = connection.model<SettingDocument>(
      'Setting',
      settingSchema as unknown as Schema<SettingDocument>,
    );
  }

  /**
   * The id of the active encryption key, or `null` if none is recorded.
   * @throws {InvalidRowError} if the row was tampered with: an attacker may have chosen a key that they know
   */
  async sealingKeyId(): Promise<string | null> {
    const document = await this.#settings.findById(SEALING_KEY).lean<SettingDocument>();
    if (document === null) return null;
    const { value, code } = document;
    const name = { row: 'sealing_key', id: SEALING_KEY } as const;
    if (!this.#integrity.isValid(name, sealingKeyMembers(value), code)) {
      throw new InvalidRowError(
        `The row is the setting "${SEALING_KEY}", which names the active encryption key. Find out who can write to MongoDB. Then delete the row, start Evergrant, and choose the key: evergrant encryption rotate --to <key>.`,
      );
    }
    return value;
  }

  /** The first process of a database chooses the active encryption key; all others use it. */
  async setSealingKeyIdIfAbsent(keyId: string): Promise<string> {
    await this.#settings.updateOne(
      { _id: SEALING_KEY },
      { $setOnInsert: this.#sealingKey(keyId) },
      { upsert: true },
    );
    return (await this.sealingKeyId()) ?? keyId;
  }

  /**
   * Switches the active encryption key.
   * @returns `false` if `from` was not the active key
   */
  async moveSealingKeyId(from: string, to: string): Promise<boolean> {
    const result = await this.#settings.updateOne(
      { _id: SEALING_KEY, ...this.#sealingKey(from) },
      { $set: this.#sealingKey(to) },
    );
    return result.matchedCount === 1;
  }

  #sealingKey(keyId: string): Pick<SettingDocument, 'value'> & { code: string } {
    return { value: keyId, code: this.#integrity.codeOf('sealing_key', sealingKeyMembers(keyId)) };
  }

  /** The configuration last applied to a schedule, or `null` if none is recorded. */
  appliedSchedule(scheduleId: string): Promise<string | null> {
    return this.#read(`schedule/${scheduleId}`);
  }

  recordAppliedSchedule(scheduleId: string, configuration: string): Promise<void> {
    return this.#write(`schedule/${scheduleId}`, configuration);
  }

  /** The policy under which the due times of a provider's accounts were computed, or `null` if none is recorded. */
  appliedPolicy(provider: string): Promise<string | null> {
    return this.#read(`policy/${provider}`);
  }

  recordAppliedPolicy(provider: string, policy: string): Promise<void> {
    return this.#write(`policy/${provider}`, policy);
  }

  /** Records that a sweep of the whole provider has done its work. */
  recordSweepCompleted(provider: string, at: Date): Promise<void> {
    return this.#write(`sweep/${provider}`, at.toISOString());
  }

  /** When a sweep of the provider last completed, or `null` if none has. */
  async sweepCompletedAt(provider: string): Promise<Date | null> {
    const at = await this.#read(`sweep/${provider}`);
    return at === null ? null : new Date(at);
  }

  /** Writes a value that nothing reads, to prove that MongoDB accepts writes; a read alone does not. */
  recordWritable(at: Date): Promise<void> {
    return this.#write('writable', at.toISOString());
  }

  /**
   * Postpones the validation of an OAuth app's accounts until a given time, because its credentials do not permit it.
   * @returns whether no postponement was in force before
   */
  async putOffValidation(
    app: string,
    { now, until }: { now: Date; until: Date },
  ): Promise<boolean> {
    const id = `validation/${app}`;
    const value = until.toISOString();
    const renewed = await this.#settings.updateOne(
      { _id: id, value: { $lte: now.toISOString() } },
      { $set: { value } },
    );
    if (renewed.matchedCount === 1) return true;
    const added = await this.#settings.updateOne(
      { _id: id },
      { $setOnInsert: { value } },
      { upsert: true },
    );
    return added.upsertedCount === 1;
  }

  async isValidationPutOff(app: string, now: Date): Promise<boolean> {
    const until = await this.#read(`validation/${app}`);
    return until !== null && until > now.toISOString();
  }

  async #write(id: string, value: string): Promise<void> {
    await this.#settings.updateOne({ _id: id }, { $set: { value } }, { upsert: true });
  }

  async #read(id: string): Promise<string | null> {
    return (await this.#settings.findById(id).lean<SettingDocument>())?.value ?? null;
  }
}

function sealingKeyMembers(keyId: unknown): unknown[] {
  return [SEALING_KEY, keyId];
}
