/** The entries of the audit: inserted and read, never changed. MongoDB removes those whose time is over. */
import mongoose, { type Connection, type InferSchemaType, type Model, Schema } from 'mongoose';
import type { AuditDetails, AuditEntry, AuditHead } from '../domain/audit';
import { isDuplicateKey } from './database';
import { scopedToOrganisation } from './organisation-scope';

const auditSchema = new Schema(
  {
    _id: { type: String, required: true },
    organisation: { type: String, required: true },
    sequence: { type: Number, required: true },
    at: { type: Date, required: true },
    actor: { type: String, required: true },
    action: { type: String, required: true },
    /** JSON, so that what is hashed is what comes back. */
    details: { type: String, required: true },
    /** When MongoDB may remove it (TTL). */
    kept_until: { type: Date, required: true },
    previous_hash: { type: String, default: null },
    previous_kept_until: { type: Date, default: null },
    hash: { type: String, required: true },
  },
  { collection: 'audit_entries', strictQuery: 'throw', versionKey: false },
);
auditSchema.index({ kept_until: 1 }, { expireAfterSeconds: 0, name: 'retention' });
// Of two processes that go on from the same entry, one wins.
auditSchema.index({ organisation: 1, sequence: 1 }, { unique: true, name: 'chain' });

const scopedSchema = scopedToOrganisation(auditSchema);

type AuditDocument = InferSchemaType<typeof auditSchema> & { _id: string };

export class AuditEntries {
  readonly #entries: Model<AuditDocument>;

  constructor(connection: Connection) {
    this.#entries = connection.model<AuditDocument>(
      'AuditEntry',
      scopedSchema as unknown as Schema<AuditDocument>,
    );
  }

  /** `sequence_taken`: another entry came first. `there_already`: this one was written before. */
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

  /** Where the chain ends; `null`: it has not begun. */
  async head(organisation: string): Promise<AuditHead | null> {
    const [last] = await this.newest({ organisation, limit: 1 });
    return last ?? null;
  }

  async find(organisation: string, sequence: number): Promise<AuditEntry | null> {
    const document = await this.#entries.findOne({ organisation, sequence }).lean<AuditDocument>();
    return document === null ? null : toEntry(document);
  }

  /** Newest first, from before a place on. */
  async newest(query: {
    organisation: string;
    before?: number | undefined;
    limit: number;
  }): Promise<AuditEntry[]> {
    const { organisation, before, limit } = query;
    const documents = await this.#entries
      .find({
        organisation,
        ...(before === undefined ? {} : { sequence: mongoose.trusted({ $lt: before }) }),
      })
      .sort({ sequence: -1 })
      .limit(limit)
      .lean<AuditDocument[]>();
    return documents.map(toEntry);
  }

  /** In the order of the chain, after a place. */
  async following(organisation: string, after: number, limit: number): Promise<AuditEntry[]> {
    const documents = await this.#entries
      .find({ organisation, sequence: mongoose.trusted({ $gt: after }) })
      .sort({ sequence: 1 })
      .limit(limit)
      .lean<AuditDocument[]>();
    return documents.map(toEntry);
  }

  async createIndexes(): Promise<void> {
    await this.#entries.createIndexes();
  }
}

function toEntry(document: AuditDocument): AuditEntry {
  const { previous_hash: hash, previous_kept_until: keptUntil } = document;
  return {
    id: document._id,
    at: document.at.toISOString(),
    organisation: document.organisation,
    actor: document.actor,
    action: document.action,
    details: detailsOf(document.details),
    sequence: document.sequence,
    keptUntil: document.kept_until.toISOString(),
    previous: hash && keptUntil ? { hash, keptUntil: keptUntil.toISOString() } : null,
    hash: document.hash,
  };
}

/** What somebody made unreadable is no details at all, and the hash will say so. */
function detailsOf(text: string): AuditDetails {
  try {
    const details: unknown = JSON.parse(text);
    return typeof details === 'object' && details !== null ? (details as AuditDetails) : {};
  } catch {
    return {};
  }
}
