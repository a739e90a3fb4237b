/**
 * Who was handed which account's token, and when. Append-only; holds no token. Hand-outs are written in batches, each of
 * which is one document: so handing out costs the database next to nothing. MongoDB removes old batches. Each batch is an
 * entry of the audit, which tells whether it is as it was written.
 */
import { createHash } from 'node:crypto';
import { type Connection, type InferSchemaType, type Model, type mongo, Schema } from 'mongoose';
import { isDuplicateKey } from './database';
import { scopedToOrganisation } from './organisation-scope';

export const HANDOUT_SOURCES = ['memory', 'store', 'refresh', 'fallback'] as const;
export type HandoutSource = (typeof HANDOUT_SOURCES)[number];

export interface TokenHandout {
  at: Date;
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

/** Once made it stays as it is, however often it is written. */
export interface HandoutBatch {
  id: string;
  organisation: string;
  handouts: readonly TokenHandout[];
}

export const BATCH_MAX = 500;

/** As they are given back: `id` names the batch and the place in it. */
export type WrittenHandout = TokenHandout & { id: string };

interface Row {
  at: Date;
  account_id: string;
  key_id: string;
  request_id: string;
  source: HandoutSource;
  remaining_seconds: number | null;
  generation: number;
  access_token_fingerprint: string;
  position: number;
}

const batchSchema = new Schema(
  {
    _id: { type: String, required: true },
    organisation: { type: String, required: true },
    /** Of its earliest and its latest hand-out. */
    from: { type: Date, required: true },
    to: { type: Date, required: true },
    /** When MongoDB may remove it (TTL). */
    remove_at: { type: Date, required: true },
    /** Cast to nothing: a batch is written whole, and each member of a row is a text, a number or a date. */
    rows: { type: Schema.Types.Mixed, required: true },
  },
  { collection: 'handout_batches', strictQuery: 'throw', versionKey: false },
);
batchSchema.index({ remove_at: 1 }, { expireAfterSeconds: 0, name: 'retention' });
batchSchema.index(
  { organisation: 1, 'rows.account_id': 1, to: -1, _id: -1, from: 1 },
  { name: 'account' },
);

const scopedSchema = scopedToOrganisation(batchSchema);

type BatchDocument = Omit<InferSchemaType<typeof batchSchema>, 'rows'> & {
  _id: string;
  rows: Row[];
};

const DAY_MS = 24 * 3600 * 1000;
/** Batches fetched at a time for a page: an account that is used often has many rows in each. */
const BATCHES_AT_A_TIME = 20;
const POSITION_DIGITS = String(BATCH_MAX - 1).length;

export class TokenHandouts {
  readonly #batches: Model<BatchDocument>;
  /** Without the model: a batch is made here, member by member, and it would be copied to be cast to what it is. */
  readonly #collection: mongo.Collection<BatchDocument>;
  readonly #retentionMs: number;

  constructor(connection: Connection, retentionDays: number) {
    this.#batches = connection.model<BatchDocument>(
      'HandoutBatch',
      scopedSchema as unknown as Schema<BatchDocument>,
    );
    this.#collection = connection.collection<BatchDocument>(this.#batches.collection.name);
    this.#retentionMs = retentionDays * DAY_MS;
  }

  /** Writes a batch of at least one; what an earlier try of it wrote already is left alone. */
  async append({ id, organisation, handouts }: HandoutBatch): Promise<void> {
    const times = handouts.map(({ at }) => at.getTime());
    const from = new Date(Math.min(...times));
    const document: BatchDocument = {
      _id: id,
      organisation,
      from,
      to: new Date(Math.max(...times)),
      remove_at: this.keptUntil(from),
      rows: handouts.map((one, position) => ({
        at: one.at,
        account_id: one.accountId,
        key_id: one.keyId,
        request_id: one.requestId,
        source: one.source,
        remaining_seconds: one.remainingSeconds,
        generation: one.generation,
        access_token_fingerprint: one.accessTokenFingerprint,
        position,
      })),
    };
    try {
      await this.#collection.insertOne(document);
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
    }
  }

  /** Newest first. */
  async list(query: {
    organisation: string;
    accountId: string;
    before?: { at: Date; id: string } | undefined;
    limit: number;
  }): Promise<WrittenHandout[]> {
    const { organisation, accountId, before, limit } = query;
    const batches: AsyncIterable<Pick<BatchDocument, '_id' | 'to' | 'rows'>> = this.#batches
      .aggregate([
        {
          $match: {
            organisation,
            'rows.account_id': { $eq: accountId },
            ...(before && { from: { $lte: before.at } }),
          },
        },
        { $sort: { to: -1, _id: -1 } },
        { $project: { to: 1, rows: { $filter: { input: '$rows', cond: ofAccount(accountId) } } } },
      ])
      .cursor({ batchSize: BATCHES_AT_A_TIME });
    let found: WrittenHandout[] = [];
    for await (const { _id: batch, to, rows } of batches) {
      const last = found[limit - 1];
      // Batches of several processes overlap; none that comes now has a row later than its `to`.
      if (last !== undefined && to < last.at) break;
      const own = rows
        .map((row) => toHandout(batch, row))
        .filter((one) => before === undefined || newestFirst(before, one) < 0);
      found = [...found, ...own].toSorted(newestFirst).slice(0, limit);
    }
    return found;
  }

  /** In the order in which they were noted; none where there is no such batch. */
  async ofBatch(organisation: string, id: string): Promise<WrittenHandout[]> {
    const batch = await this.#batches.findOne({ organisation, _id: id }).lean<BatchDocument>();
    return (batch?.rows ?? [])
      .toSorted((one, other) => one.position - other.position)
      .map((row) => toHandout(id, row));
  }

  /** Until when what was noted then is kept. */
  keptUntil(at: Date): Date {
    return new Date(at.getTime() + this.#retentionMs);
  }

  async createIndexes(): Promise<void> {
    await this.#batches.createIndexes();
  }
}

/** One text for these hand-outs of this organisation in this order. */
export function digestOf({ organisation, handouts }: Omit<HandoutBatch, 'id'>): string {
  const rows = handouts.map((one) => [
    one.at.toISOString(),
    one.accountId,
    one.keyId,
    one.requestId,
    one.source,
    one.remainingSeconds,
    one.generation,
    one.accessTokenFingerprint,
  ]);
  return createHash('sha256')
    .update(JSON.stringify([organisation, rows]))
    .digest('base64url');
}

function ofAccount(accountId: string) {
  // As it is: what begins with a dollar would name a member.
  return { $eq: ['$$this.account_id', { $literal: accountId }] };
}

function newestFirst(
  one: Pick<WrittenHandout, 'at' | 'id'>,
  other: Pick<WrittenHandout, 'at' | 'id'>,
): number {
  const byTime = other.at.getTime() - one.at.getTime();
  if (byTime !== 0 || one.id === other.id) return byTime;
  return one.id < other.id ? 1 : -1;
}

function toHandout(batch: string, row: Row): WrittenHandout {
  return {
    id: `${batch}.${String(row.position).padStart(POSITION_DIGITS, '0')}`,
    at: row.at,
    accountId: row.account_id,
    keyId: row.key_id,
    requestId: row.request_id,
    source: row.source,
    remainingSeconds: row.remaining_seconds,
    generation: row.generation,
    accessTokenFingerprint: row.access_token_fingerprint,
  };
}
