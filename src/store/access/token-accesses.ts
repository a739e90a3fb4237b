/**
 * The token accesses: which caller received which account's token, and when. Append-only; holds no token. Each batch is
 * one document and one entry of a hash chain, so a batch and its place in the chain are written together or not at all.
 * MongoDB removes expired batches.
 */
import { createHash } from 'node:crypto';
import mongoose, {
  type Connection,
  type InferSchemaType,
  type Model,
  type mongo,
  Schema,
} from 'mongoose';
import type { AuditDetails, AuditEntry, AuditHead } from '../../domain/audit/audit';
import { isDuplicateKey } from '../mongo/database';
import { scopedToOrganisation } from '../mongo/organisation-scope';
import { plainText, timeText } from './audit-entries';

export const TOKEN_ACCESS_SOURCES = ['memory', 'store', 'refresh', 'fallback'] as const;
export type TokenAccessSource = (typeof TOKEN_ACCESS_SOURCES)[number];

export interface TokenAccess {
  at: Date;
  accountId: string;
  /** The caller: the id of an API key, or `jwt:<sub>`. */
  keyId: string;
  requestId: string;
  source: TokenAccessSource;
  /** `null` for a fallback token with an unknown expiry. */
  remainingSeconds: number | null;
  generation: number;
  accessTokenFingerprint: string;
}

/** Accesses per batch; bounds the size of a document. */
export const BATCH_MAX = 500;

/** The actor and the action of a batch, as its hash covers them. */
export const ACCESS_WRITER = 'evergrant';
export const TOKEN_ACCESSES = 'token accesses';

/** A stored access; `id` names the batch and the position in it. */
export type WrittenTokenAccess = TokenAccess & { id: string };

/** A place in the order by time, then by id. */
interface AccessPlace {
  at: Date;
  id: string;
}

interface AccessQuery {
  organisation: string;
  accountId?: string | undefined;
  keyId?: string | undefined;
  sources?: readonly TokenAccessSource[] | undefined;
  /** From this time on. */
  from?: Date | undefined;
  /** Before this time. */
  to?: Date | undefined;
  before?: AccessPlace | undefined;
  limit: number;
}

interface Row {
  at: Date;
  account_id: string;
  key_id: string;
  request_id: string;
  source: TokenAccessSource;
  remaining_seconds: number | null;
  generation: number;
  access_token_fingerprint: string;
  position: number;
}

const batchSchema = new Schema(
  {
    _id: { type: String, required: true },
    organisation: { type: String, required: true },
    sequence: { type: Number, required: true },
    /** When the batch was written; its accesses are older. */
    at: { type: Date, required: true },
    /** The times of the earliest and the latest access. */
    from: { type: Date, required: true },
    to: { type: Date, required: true },
    /** When MongoDB may remove it (TTL). */
    remove_at: { type: Date, required: true },
    /** The tokens were served before the batch was written, because MongoDB was unreachable. */
    late: { type: Boolean, default: false },
    previous_hash: { type: String, default: null },
    previous_remove_at: { type: Date, default: null },
    hash: { type: String, required: true },
    /** Not cast: `insert` writes the whole batch, and every member of a row is a string, a number or a date. */
    rows: { type: Schema.Types.Mixed, required: true },
  },
  { collection: 'token_access_batches', strictQuery: 'throw', versionKey: false },
);
batchSchema.index({ remove_at: 1 }, { expireAfterSeconds: 0, name: 'retention' });
batchSchema.index(
  { organisation: 1, 'rows.account_id': 1, to: -1, _id: -1, from: 1 },
  { name: 'account' },
);
batchSchema.index({ organisation: 1, to: -1, _id: -1, from: 1 }, { name: 'newest' });
// If two processes append after the same batch, one of them fails.
batchSchema.index({ organisation: 1, sequence: 1 }, { unique: true, name: 'chain' });

const scopedSchema = scopedToOrganisation(batchSchema);

type BatchDocument = Omit<InferSchemaType<typeof batchSchema>, 'rows'> & {
  _id: string;
  rows: Row[];
};

/** The members of a batch that its chain needs. */
const CHAIN_MEMBERS = { sequence: 1, hash: 1, remove_at: 1 } as const;

const DAY_MS = 24 * 3600 * 1000;
/** Batches per fetch: batches of a busy account hold many rows each, so a page needs few of them. */
const BATCHES_AT_A_TIME = 20;
/** Batches that one page examines. With more, a filter for a caller without accesses would read the whole collection. */
const EXAMINED_MAX = 500;
/** Sorts behind the id of every row, which consists of hexadecimal digits, dashes and a dot. */
const AFTER_ALL_IDS = '~';
const POSITION_DIGITS = String(BATCH_MAX - 1).length;

export class TokenAccesses {
  readonly #batches: Model<BatchDocument>;
  /** Bypasses the Mongoose model, which would copy every row only to cast it to the type it has. */
  readonly #collection: mongo.Collection<BatchDocument>;
  readonly #retentionMs: number;

  constructor(connection: Connection, retentionDays: number) {
    this.#batches = connection.model<BatchDocument>(
      'TokenAccessBatch',
      scopedSchema as unknown as Schema<BatchDocument>,
    );
    this.#collection = connection.collection<BatchDocument>(this.#batches.collection.name);
    this.#retentionMs = retentionDays * DAY_MS;
  }

  /** How long a batch is kept, in ms. */
  get retentionMs(): number {
    return this.#retentionMs;
  }

  /**
   * Writes a batch as the next entry of its organisation's chain.
   * @param tokenAccesses the accesses whose digest the entry holds; at least one
   */
  async insert(
    entry: AuditEntry,
    tokenAccesses: readonly TokenAccess[],
  ): Promise<'inserted' | 'sequence_taken' | 'there_already'> {
    const { id, organisation, previous } = entry;
    const times = tokenAccesses.map(({ at }) => at.getTime());
    const document: BatchDocument = {
      _id: id,
      organisation,
      sequence: entry.sequence,
      at: new Date(entry.at),
      from: new Date(Math.min(...times)),
      to: new Date(Math.max(...times)),
      remove_at: new Date(entry.keptUntil),
      late: entry.details['late'] === true,
      previous_hash: previous?.hash ?? null,
      previous_remove_at: previous && new Date(previous.keptUntil),
      hash: entry.hash,
      rows: tokenAccesses.map((one, position) => ({
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
      return 'inserted';
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      const there = await this.#batches.exists({ organisation, _id: id });
      return there === null ? 'sequence_taken' : 'there_already';
    }
  }

  /** The last entry of the chain, or `null` if the chain is empty. */
  async head(organisation: string): Promise<AuditHead | null> {
    const last = await this.#batches
      .findOne({ organisation }, CHAIN_MEMBERS)
      .sort({ sequence: -1 })
      .lean<BatchDocument>();
    return last === null ? null : toHead(last);
  }

  async find(organisation: string, sequence: number): Promise<AuditEntry | null> {
    const batch = await this.#batches.findOne({ organisation, sequence }).lean<BatchDocument>();
    return batch === null ? null : toEntry(batch);
  }

  /** The batches after a place as entries, in chain order. Only one batch's accesses are in memory at a time. */
  async following(organisation: string, after: number, limit: number): Promise<AuditEntry[]> {
    const batches = this.#batches
      .find({ organisation, sequence: mongoose.trusted({ $gt: after }) })
      .sort({ sequence: 1 })
      .limit(limit)
      .lean<BatchDocument>()
      .cursor({ batchSize: BATCHES_AT_A_TIME });
    const entries: AuditEntry[] = [];
    for await (const batch of batches) entries.push(toEntry(batch));
    return entries;
  }

  /** The accesses of one account, newest first. */
  async list(query: AccessQuery & { accountId: string }): Promise<WrittenTokenAccess[]> {
    return (await this.#newest(query, Number.POSITIVE_INFINITY)).found;
  }

  /**
   * One page of the organisation's accesses, newest first. Examines at most {@link EXAMINED_MAX} batches, so a page may
   * have fewer rows than `limit`, or none.
   * @returns `next`: where the next page begins; `null` after the last one
   */
  async page({ limit, ...query }: AccessQuery): Promise<{
    tokenAccesses: WrittenTokenAccess[];
    next: AccessPlace | null;
  }> {
    const { found, reached } = await this.#newest({ ...query, limit: limit + 1 }, EXAMINED_MAX);
    if (found.length > limit) {
      const tokenAccesses = found.slice(0, limit);
      const { at, id } = tokenAccesses.at(-1) as WrittenTokenAccess;
      return { tokenAccesses, next: { at, id } };
    }
    if (reached === null) return { tokenAccesses: found, next: null };
    // Batches overlap, so rows older than the first batch that was not read may be missing here.
    const next = { at: reached, id: AFTER_ALL_IDS };
    return { tokenAccesses: found.filter((one) => newestFirst(one, next) < 0), next };
  }

  /** @returns `reached`: the time of the first batch that was not read because of `examinedMax` */
  async #newest(
    { organisation, accountId, keyId, sources, from, to, before, limit }: AccessQuery,
    examinedMax: number,
  ): Promise<{ found: WrittenTokenAccess[]; reached: Date | null }> {
    const newest = [before?.at, to].filter((at) => at !== undefined);
    const conditions = [
      ...(accountId === undefined ? [] : [equals('account_id', accountId)]),
      ...(keyId === undefined ? [] : [equals('key_id', keyId)]),
      ...(sources === undefined ? [] : [{ $in: ['$$this.source', [...sources]] }]),
      ...(from === undefined ? [] : [{ $gte: ['$$this.at', from] }]),
      ...(to === undefined ? [] : [{ $lt: ['$$this.at', to] }]),
    ];
    const batches: AsyncIterable<Pick<BatchDocument, '_id' | 'to' | 'rows'>> = this.#batches
      .aggregate([
        {
          $match: {
            organisation,
            ...(accountId !== undefined && { 'rows.account_id': { $eq: accountId } }),
            ...(newest.length > 0 && {
              from: { $lte: new Date(Math.min(...newest.map((at) => at.getTime()))) },
            }),
            ...(from !== undefined && { to: { $gte: from } }),
          },
        },
        { $sort: { to: -1, _id: -1 } },
        { $project: { to: 1, rows: { $filter: { input: '$rows', cond: { $and: conditions } } } } },
      ])
      .cursor({ batchSize: BATCHES_AT_A_TIME });
    let found: WrittenTokenAccess[] = [];
    let examined = 0;
    for await (const { _id: batch, to: latest, rows } of batches) {
      const last = found[limit - 1];
      // Batches of several processes overlap, but descend in `to`: no later batch can hold a newer row.
      if (last !== undefined && latest < last.at) break;
      if (examined >= examinedMax) return { found, reached: latest };
      examined += 1;
      const own = rows
        .map((row) => toTokenAccess(batch, row))
        .filter((one) => before === undefined || newestFirst(before, one) < 0);
      found = [...found, ...own].toSorted(newestFirst).slice(0, limit);
    }
    return { found, reached: null };
  }
}

/** The details of a batch's chain entry, with a digest in place of the accesses. */
export function accessDetails(
  organisation: string,
  tokenAccesses: readonly TokenAccess[],
  late: boolean,
): AuditDetails {
  const rows = tokenAccesses.map((one) => [
    timeText(one.at),
    one.accountId,
    one.keyId,
    one.requestId,
    one.source,
    one.remainingSeconds,
    one.generation,
    one.accessTokenFingerprint,
  ]);
  const sha256 = createHash('sha256')
    .update(JSON.stringify([organisation, rows]))
    .digest('base64url');
  return { count: tokenAccesses.length, sha256, ...(late ? { late } : {}) };
}

/** Never throws. A tampered document is returned as it is, and its hash does not match. */
function toEntry(batch: BatchDocument): AuditEntry {
  const { _id: id, organisation, previous_hash: hash, previous_remove_at: keptUntil } = batch;
  const rows: unknown[] = Array.isArray(batch.rows) ? batch.rows : [];
  const tokenAccesses = rows
    .filter((row): row is Row => typeof row === 'object' && row !== null)
    .toSorted((one, other) => one.position - other.position)
    .map((row) => toTokenAccess(id, row));
  return {
    ...toHead(batch),
    id,
    organisation,
    at: timeText(batch.at),
    actor: ACCESS_WRITER,
    action: TOKEN_ACCESSES,
    details: accessDetails(organisation, tokenAccesses, batch.late),
    previous: hash && keptUntil ? { hash, keptUntil: timeText(keptUntil) } : null,
  };
}

function toHead({ sequence, hash, remove_at: removeAt }: BatchDocument): AuditHead {
  return { sequence, hash: plainText(hash), keptUntil: timeText(removeAt) };
}

function equals(member: 'account_id' | 'key_id', value: string) {
  // `$literal`, because MongoDB reads a string that begins with `$` as a field path.
  return { $eq: [`$$this.${member}`, { $literal: value }] };
}

function newestFirst(
  one: Pick<WrittenTokenAccess, 'at' | 'id'>,
  other: Pick<WrittenTokenAccess, 'at' | 'id'>,
): number {
  const byTime = other.at.getTime() - one.at.getTime();
  if (byTime !== 0 || one.id === other.id) return byTime;
  return one.id < other.id ? 1 : -1;
}

function toTokenAccess(batch: string, row: Row): WrittenTokenAccess {
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
