/** The entries of the terminal. Written by upsert under a deterministic id; MongoDB removes them when they are old. */
import {
  type Connection,
  type InferSchemaType,
  type Model,
  type QueryFilter,
  Schema,
} from 'mongoose';
import type { LogAction, LogEntry, LogSource } from '../domain/log-entry';
import { beyond } from './keyset';

const entrySchema = new Schema(
  {
    _id: { type: String, required: true },
    created_at: { type: Date, required: true },
    /** When MongoDB may remove it (TTL). */
    remove_at: { type: Date, required: true },
    organisation: { type: String, default: null },
    environment: { type: String, default: null },
    provider: { type: String, required: true },
    account_id: { type: String, default: null },
    account_label: { type: String, default: null },
    action: { type: String, required: true },
    source: { type: String, required: true },
    outcome: { type: String, default: null },
    request: { type: Schema.Types.Mixed, default: null },
    response: { type: Schema.Types.Mixed, default: null },
    error: { type: Schema.Types.Mixed, default: null },
    diagnostics: { type: Schema.Types.Mixed, default: null },
    generation: { type: Number, default: null },
    workflow_id: { type: String, default: null },
    run_id: { type: String, default: null },
    message: { type: String, required: true },
  },
  { collection: 'log_entries', strictQuery: 'throw', versionKey: false, minimize: false },
);
entrySchema.index({ remove_at: 1 }, { expireAfterSeconds: 0, name: 'retention' });
entrySchema.index({ organisation: 1, provider: 1, created_at: -1, _id: -1 }, { name: 'terminal' });
entrySchema.index(
  { organisation: 1, account_id: 1, created_at: -1, _id: -1 },
  { name: 'account_terminal' },
);

// What happened lately, of all providers.
entrySchema.index({ organisation: 1, created_at: -1, _id: -1 }, { name: 'recent' });

export type EntryDocument = InferSchemaType<typeof entrySchema> & { _id: string };

export function entryModel(connection: Connection): Model<EntryDocument> {
  return connection.model<EntryDocument>(
    'LogEntry',
    entrySchema as unknown as Schema<EntryDocument>,
  );
}

export interface LogQuery {
  organisation: string;
  provider?: string | undefined;
  environment?: string | undefined;
  accountId?: string | undefined;
  action?: LogAction | undefined;
  source?: LogSource | undefined;
  /** A cursor from {@link logCursor}: entries older than that one. */
  before?: { createdAt: Date; id: string } | undefined;
  limit: number;
}

const DAY_MS = 24 * 3600 * 1000;

export class LogEntries {
  readonly #entries: Model<EntryDocument>;
  readonly #retentionMs: number;

  constructor(connection: Connection, retentionDays: number) {
    this.#entries = entryModel(connection);
    this.#retentionMs = retentionDays * DAY_MS;
  }

  /** Writes an entry once, however often it is called: the first write stays. */
  async record(entry: LogEntry): Promise<void> {
    const { id, created_at, ...rest } = entry;
    const createdAt = new Date(created_at);
    await this.#entries.updateOne(
      { _id: id },
      {
        $setOnInsert: {
          ...rest,
          created_at: createdAt,
          remove_at: new Date(createdAt.getTime() + this.#retentionMs),
        },
      },
      { upsert: true },
    );
  }

  /** One entry whatever its organisation: for workers, which serve all of them. */
  async read(id: string): Promise<LogEntry | null> {
    const document = await this.#entries.findById(id).lean<EntryDocument>();
    return document === null ? null : toEntry(document);
  }

  async find(organisation: string, id: string): Promise<LogEntry | null> {
    const document = await this.#entries.findOne({ _id: id, organisation }).lean<EntryDocument>();
    return document === null ? null : toEntry(document);
  }

  /** Newest first. Entries that are of no account (heartbeats) are every organisation's and every environment's. */
  async list(query: LogQuery): Promise<LogEntry[]> {
    const filter: QueryFilter<EntryDocument> = {
      organisation: { $in: [query.organisation, null] },
    };
    if (query.provider !== undefined) filter['provider'] = query.provider;
    if (query.environment !== undefined) filter['environment'] = { $in: [query.environment, null] };
    if (query.accountId !== undefined) filter['account_id'] = query.accountId;
    if (query.action !== undefined) filter['action'] = query.action;
    if (query.source !== undefined) filter['source'] = query.source;
    if (query.before !== undefined) {
      const { createdAt, id } = query.before;
      Object.assign(filter, beyond('created_at', '$lt', { at: createdAt, id }));
    }
    const documents = await this.#entries
      .find(filter)
      .sort({ created_at: -1, _id: -1 })
      .limit(query.limit)
      .lean<EntryDocument[]>();
    return documents.map(toEntry);
  }

  async createIndexes(): Promise<void> {
    await this.#entries.createIndexes();
  }
}

function toEntry(document: EntryDocument): LogEntry {
  return {
    id: document._id,
    created_at: document.created_at.toISOString(),
    organisation: document.organisation ?? null,
    environment: document.environment ?? null,
    provider: document.provider,
    account_id: document.account_id ?? null,
    account_label: document.account_label ?? null,
    action: document.action as LogAction,
    source: document.source as LogSource,
    outcome: (document.outcome ?? null) as LogEntry['outcome'],
    request: document.request ?? null,
    response: document.response ?? null,
    error: document.error ?? null,
    diagnostics: document.diagnostics ?? null,
    generation: document.generation ?? null,
    workflow_id: document.workflow_id ?? null,
    run_id: document.run_id ?? null,
    message: document.message,
  };
}
