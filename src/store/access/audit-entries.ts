/** The audit entries: inserted and read, never changed. MongoDB removes expired entries. */
import mongoose, {
  type Connection,
  type InferSchemaType,
  type Model,
  type QueryFilter,
  Schema,
} from 'mongoose';
import {
  type AuditDetails,
  type AuditEntry,
  type AuditHead,
  isFailure,
} from '../../domain/audit/audit';
import { isDuplicateKey } from '../mongo/database';
import { scopedToOrganisation } from '../mongo/organisation-scope';

const auditSchema = new Schema(
  {
    _id: { type: String, required: true },
    organisation: { type: String, required: true },
    sequence: { type: Number, required: true },
    at: { type: Date, required: true },
    actor: { type: String, required: true },
    action: { type: String, required: true },
    /** Stored as JSON text, so that the bytes read back are the bytes that were hashed. */
    details: { type: String, required: true },
    /** When MongoDB may remove it (TTL). */
    kept_until: { type: Date, required: true },
    previous_hash: { type: String, default: null },
    previous_kept_until: { type: Date, default: null },
    hash: { type: String, required: true },
    /** For the filter: the details state a status of 400 or more. Absent: they do not, or the entry is of 0.1.0. */
    failed: { type: Boolean, default: undefined },
  },
  { collection: 'audit_entries', strictQuery: 'throw', versionKey: false },
);
auditSchema.index({ kept_until: 1 }, { expireAfterSeconds: 0, name: 'retention' });
// If two processes append after the same entry, one of them fails.
auditSchema.index({ organisation: 1, sequence: 1 }, { unique: true, name: 'chain' });

auditSchema.index({ organisation: 1, at: 1, sequence: 1 }, { name: 'by_time' });
auditSchema.index({ organisation: 1, actor: 1, sequence: 1 }, { name: 'by_actor' });
auditSchema.index({ organisation: 1, action: 1, sequence: 1 }, { name: 'by_action' });
auditSchema.index(
  { organisation: 1, failed: 1, sequence: 1 },
  { partialFilterExpression: { failed: true }, name: 'failures' },
);

const scopedSchema = scopedToOrganisation(auditSchema);

type AuditDocument = InferSchemaType<typeof auditSchema> & { _id: string };

/** An entry must match each member. */
export interface AuditFilter {
  organisation: string;
  actor?: string | undefined;
  action?: readonly string[] | undefined;
  /** Only actions that were refused or failed. */
  failed?: true | undefined;
  /** Written at or after this time. */
  from?: Date | undefined;
  /** Written before this time. */
  to?: Date | undefined;
}

export class AuditEntries {
  readonly #entries: Model<AuditDocument>;

  constructor(connection: Connection) {
    this.#entries = connection.model<AuditDocument>(
      'AuditEntry',
      scopedSchema as unknown as Schema<AuditDocument>,
    );
  }

  /** `sequence_taken`: another entry has this sequence number. `there_already`: this entry was inserted before. */
  async insert(entry: AuditEntry): Promise<'inserted' | 'sequence_taken' | 'there_already'> {
    try {
      await this.#entries.create([
        {
          _id: entry.id,
          organisation: entry.organisation,
          sequence: entry.sequence,
          at: new Date(entry.at),
          actor: entry.actor,
          action: entry.action,
          details: JSON.stringify(entry.details),
          kept_until: new Date(entry.keptUntil),
          previous_hash: entry.previous?.hash ?? null,
          previous_kept_until: entry.previous && new Date(entry.previous.keptUntil),
          hash: entry.hash,
          ...(isFailure(entry) ? { failed: true } : {}),
        },
      ]);
      return 'inserted';
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      const { organisation, id } = entry;
      const there = await this.#entries.exists({ organisation, _id: id });
      return there === null ? 'sequence_taken' : 'there_already';
    }
  }

  /** The last entry of the chain, or `null` if the chain is empty. */
  async head(organisation: string): Promise<AuditHead | null> {
    const [last] = await this.newest({ organisation, limit: 1 });
    return last ?? null;
  }

  async find(organisation: string, sequence: number): Promise<AuditEntry | null> {
    const document = await this.#entries.findOne({ organisation, sequence }).lean<AuditDocument>();
    return document === null ? null : toEntry(document);
  }

  /** Newest first, starting before the sequence number `before`. */
  async newest({
    before,
    limit,
    ...wanted
  }: AuditFilter & { before?: number | undefined; limit: number }): Promise<AuditEntry[]> {
    const documents = await this.#entries
      .find(await this.#filterOf(wanted, before))
      .sort({ sequence: -1 })
      .limit(limit)
      .lean<AuditDocument[]>();
    return documents.map(toEntry);
  }

  /** The number of matching entries, counted up to `max`. */
  async count(wanted: AuditFilter, max: number): Promise<number> {
    return this.#entries.countDocuments(await this.#filterOf(wanted), { limit: max });
  }

  /** The chain is in order of time, so that limits of time become limits of the sequence. */
  async #filterOf(
    { organisation, actor, action, failed, from, to }: AuditFilter,
    before?: number,
  ): Promise<QueryFilter<AuditDocument>> {
    const [first, end] = await Promise.all([
      from === undefined ? undefined : this.#firstSince(organisation, from),
      to === undefined ? undefined : this.#firstSince(organisation, to),
    ]);
    const below = Math.min(before ?? Number.POSITIVE_INFINITY, end ?? Number.POSITIVE_INFINITY);
    const limits = {
      ...(first === undefined ? {} : { $gte: first }),
      ...(below === Number.POSITIVE_INFINITY ? {} : { $lt: below }),
    };
    return {
      organisation,
      ...(actor === undefined ? {} : { actor }),
      ...(failed === undefined ? {} : { failed }),
      ...(action === undefined ? {} : { action: mongoose.trusted({ $in: [...action] }) }),
      ...(Object.keys(limits).length === 0 ? {} : { sequence: mongoose.trusted(limits) }),
    };
  }

  /** The sequence of the first entry at or after a time; infinite if there is none. */
  async #firstSince(organisation: string, at: Date): Promise<number> {
    const document = await this.#entries
      .findOne({ organisation, at: mongoose.trusted({ $gte: at }) }, { sequence: 1 })
      .sort({ at: 1, sequence: 1 })
      .lean<Pick<AuditDocument, 'sequence'>>();
    return document?.sequence ?? Number.MAX_SAFE_INTEGER;
  }

  /** In chain order, starting after the sequence number `after`. */
  async following(organisation: string, after: number, limit: number): Promise<AuditEntry[]> {
    const documents = await this.#entries
      .find({ organisation, sequence: mongoose.trusted({ $gt: after }) })
      .sort({ sequence: 1 })
      .limit(limit)
      .lean<AuditDocument[]>();
    return documents.map(toEntry);
  }
}

/** Never throws. A tampered document is returned as it is, and its hash does not match. */
function toEntry(document: AuditDocument): AuditEntry {
  const { previous_hash: hash, previous_kept_until: keptUntil } = document;
  return {
    id: document._id,
    at: timeText(document.at),
    organisation: document.organisation,
    actor: plainText(document.actor),
    action: plainText(document.action),
    details: detailsOf(document.details),
    sequence: document.sequence,
    keptUntil: timeText(document.kept_until),
    previous: hash && keptUntil ? { hash, keptUntil: timeText(keptUntil) } : null,
    hash: plainText(document.hash),
  };
}

/** ISO 8601 in UTC; the start of 1970 for an invalid date. */
export function timeText(time: unknown): string {
  const isTime = time instanceof Date && !Number.isNaN(time.getTime());
  return (isTime ? time : new Date(0)).toISOString();
}

export function plainText(text: unknown): string {
  return typeof text === 'string' ? text : (JSON.stringify(text) ?? '');
}

/** Returns no details for unreadable JSON; the hash then does not match. */
function detailsOf(text: string): AuditDetails {
  try {
    const details: unknown = JSON.parse(text);
    return typeof details === 'object' && details !== null ? (details as AuditDetails) : {};
  } catch {
    return {};
  }
}
