/**
 * Who was handed which account's token, and when. Append-only; holds no token. MongoDB removes old rows. Each batch is
 * an entry of the audit, which tells whether its rows are as they were written.
 */
import { createHash } from 'node:crypto';
import mongoose, {
  type Connection,
  type InferSchemaType,
  type Model,
  type QueryFilter,
  Schema,
} from 'mongoose';
import { DUPLICATE_KEY } from './database';
import { beyond } from './keyset';
import { scopedToOrganisation } from './organisation-scope';

export const HANDOUT_SOURCES = ['memory', 'store', 'refresh', 'fallback'] as const;
export type HandoutSource = (typeof HANDOUT_SOURCES)[number];

export interface TokenHandout {
  /** Given when it is made, so that a batch written twice is there once. */
  id: string;
  at: Date;
  organisation: string;
  accountId: string;
  /** Who asked. */
  keyId: string;
  requestId: string;
  source: HandoutSource;
  /** `null`: a fallback token whose end nobody knows. */
  remainingSeconds: number | null;
  generation: number;
  accessTokenFingerprint: string;
}

const handoutSchema = new Schema(
  {
    _id: { type: String, required: true },
    at: { type: Date, required: true },
    /** When MongoDB may remove it (TTL). */
    remove_at: { type: Date, required: true },
    organisation: { type: String, required: true },
    account_id: { type: String, required: true },
    key_id: { type: String, required: true },
    request_id: { type: String, required: true },
    source: { type: String, enum: HANDOUT_SOURCES, required: true },
    remaining_seconds: { type: Number, default: null },
    generation: { type: Number, required: true },
    access_token_fingerprint: { type: String, required: true },
    batch: { type: String, default: null },
    position: { type: Number, default: 0 },
  },
  { collection: 'token_handouts', strictQuery: 'throw', versionKey: false },
);
handoutSchema.index({ remove_at: 1 }, { expireAfterSeconds: 0, name: 'retention' });
handoutSchema.index({ organisation: 1, account_id: 1, at: -1, _id: -1 }, { name: 'account' });
handoutSchema.index({ organisation: 1, batch: 1, position: 1 }, { name: 'batch' });

const scopedSchema = scopedToOrganisation(handoutSchema);

type HandoutDocument = InferSchemaType<typeof handoutSchema> & { _id: string };

const DAY_MS = 24 * 3600 * 1000;

export class TokenHandouts {
  readonly #handouts: Model<HandoutDocument>;
  readonly #retentionMs: number;

  constructor(connection: Connection, retentionDays: number) {
    this.#handouts = connection.model<HandoutDocument>(
      'TokenHandout',
      scopedSchema as unknown as Schema<HandoutDocument>,
    );
    this.#retentionMs = retentionDays * DAY_MS;
  }

  /** Writes a batch; what an earlier try of it wrote already is left alone. */
  async append(handouts: readonly TokenHandout[], batch: string | null = null): Promise<void> {
    if (handouts.length === 0) return;
    const documents: HandoutDocument[] = handouts.map((one, position) => ({
      _id: one.id,
      at: one.at,
      remove_at: this.keptUntil(one.at),
      organisation: one.organisation,
      account_id: one.accountId,
      key_id: one.keyId,
      request_id: one.requestId,
      source: one.source,
      remaining_seconds: one.remainingSeconds,
      generation: one.generation,
      access_token_fingerprint: one.accessTokenFingerprint,
      batch,
      position,
    }));
    try {
      await this.#handouts.insertMany(documents, { ordered: false, lean: true });
    } catch (error) {
      if (!onlyDuplicates(error)) throw error;
    }
  }

  /** Newest first. */
  async list(query: {
    organisation: string;
    accountId: string;
    before?: { at: Date; id: string } | undefined;
    limit: number;
  }): Promise<TokenHandout[]> {
    const filter: QueryFilter<HandoutDocument> = {
      organisation: query.organisation,
      account_id: query.accountId,
    };
    if (query.before !== undefined) Object.assign(filter, beyond('at', '$lt', query.before));
    const documents = await this.#handouts
      .find(filter)
      .sort({ at: -1, _id: -1 })
      .limit(query.limit)
      .lean<HandoutDocument[]>();
    return documents.map(toHandout);
  }

  /** The rows of a batch, in the order in which they were noted. */
  async ofBatch(organisation: string, batch: string): Promise<TokenHandout[]> {
    const documents = await this.#handouts
      .find({ organisation, batch })
      .sort({ position: 1, _id: 1 })
      .lean<HandoutDocument[]>();
    return documents.map(toHandout);
  }

  /** Until when a row that was noted then is kept. */
  keptUntil(at: Date): Date {
    return new Date(at.getTime() + this.#retentionMs);
  }

  async createIndexes(): Promise<void> {
    await this.#handouts.createIndexes();
  }
}

/** One text for these rows in this order. */
export function digestOf(handouts: readonly TokenHandout[]): string {
  const rows = handouts.map((one) => [
    one.id,
    one.at.toISOString(),
    one.organisation,
    one.accountId,
    one.keyId,
    one.requestId,
    one.source,
    one.remainingSeconds,
    one.generation,
    one.accessTokenFingerprint,
  ]);
  return createHash('sha256').update(JSON.stringify(rows)).digest('base64url');
}

function onlyDuplicates(error: unknown): boolean {
  if (!(error instanceof mongoose.mongo.MongoBulkWriteError)) return false;
  const failures = [error.writeErrors].flat();
  return failures.length > 0 && failures.every(({ code }) => code === DUPLICATE_KEY);
}

function toHandout(document: HandoutDocument): TokenHandout {
  return {
    id: document._id,
    at: document.at,
    organisation: document.organisation,
    accountId: document.account_id,
    keyId: document.key_id,
    requestId: document.request_id,
    source: document.source,
    remainingSeconds: document.remaining_seconds ?? null,
    generation: document.generation,
    accessTokenFingerprint: document.access_token_fingerprint,
  };
}
