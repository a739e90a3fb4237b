/** The document of a log entry, and its mapping to the domain. */
import { type Connection, type InferSchemaType, type Model, Schema } from 'mongoose';
import type { LogAction, LogEntry, LogSource } from '../../domain/logs/log-entry';
import { scopedToOrganisation } from '../mongo/organisation-scope';

const entrySchema = new Schema(
  {
    _id: { type: String, required: true },
    created_at: { type: Date, required: true },
    /**
     * When the entry was written, by the database's clock. An entry that waited for MongoDB counts as new when it
     * arrives, and differing worker clocks do not change the order in which entries are followed.
     */
    recorded_at: { type: Date },
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
    /** Present only for traced attempts. */
    trace_id: { type: String },
    message: { type: String, required: true },
    /** Present only for captured attempts. */
    steps: { type: Schema.Types.Mixed },
  },
  { collection: 'log_entries', strictQuery: 'throw', versionKey: false, minimize: false },
);
entrySchema.index({ remove_at: 1 }, { expireAfterSeconds: 0, name: 'retention' });
entrySchema.index({ recorded_at: 1, _id: 1 }, { name: 'followed' });
entrySchema.index({ organisation: 1, recorded_at: 1, _id: 1 }, { name: 'organisation_followed' });
entrySchema.index({ organisation: 1, created_at: -1, _id: -1 }, { name: 'organisation_terminal' });
entrySchema.index({ organisation: 1, provider: 1, created_at: -1, _id: -1 }, { name: 'terminal' });
entrySchema.index(
  { organisation: 1, account_id: 1, created_at: -1, _id: -1 },
  { name: 'account_terminal' },
);
// Partial, because a sparse index of several members holds all entries.
entrySchema.index(
  { organisation: 1, trace_id: 1, created_at: -1, _id: -1 },
  { partialFilterExpression: { trace_id: { $exists: true } }, name: 'trace' },
);

entrySchema.index(
  { organisation: 1, created_at: -1, _id: -1 },
  { partialFilterExpression: { 'error.code': { $exists: true } }, name: 'organisation_failures' },
);

export type EntryDocument = InferSchemaType<typeof entrySchema> & { _id: string };

const scopedSchema = scopedToOrganisation(entrySchema);

/** The entries of one organisation, and entries of none; every query must name the organisation. */
export function logEntryModel(connection: Connection): Model<EntryDocument> {
  return connection.model<EntryDocument>(
    'LogEntry',
    scopedSchema as unknown as Schema<EntryDocument>,
  );
}

/** The entries of all organisations, for workers and for the live log, which filters them per reader. */
export function entriesOfAllOrganisations(connection: Connection): Model<EntryDocument> {
  return connection.model<EntryDocument>(
    'LogEntryOfAnyOrganisation',
    entrySchema as unknown as Schema<EntryDocument>,
  );
}

export function toEntry(document: EntryDocument): LogEntry {
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
    ...(document.trace_id ? { trace_id: document.trace_id } : {}),
    message: document.message,
    ...(document.steps ? { steps: document.steps } : {}),
  };
}
