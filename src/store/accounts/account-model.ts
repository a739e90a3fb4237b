/** The account document. Members are snake_case, as everything stored and everything on the wire. */
import { type Connection, type InferSchemaType, type Model, Schema } from 'mongoose';
import { AccountState } from '../domain/account';
import type { RaisedEvent } from '../domain/event';
import { TOKEN_VERDICTS } from '../domain/validation';
import { UNSENT_EVENTS } from './event-model';
import { scopedToOrganisation } from './organisation-scope';

const grantSchema = new Schema(
  {
    access_token: { type: String, required: true },
    refresh_token: { type: String, default: null },
    access_token_fingerprint: { type: String, required: true },
    refresh_token_fingerprint: { type: String, default: null },
    /** `null` with `refresh_token`: the access token does not end. */
    expires_at: { type: Date, default: null },
    refresh_token_expires_at: { type: Date, default: null },
    scopes: { type: [String], default: [] },
    obtained_at: { type: Date, required: true },
    attempt_id: { type: String, default: null },
  },
  { _id: false },
);

const fallbackSchema = new Schema(
  {
    access_token: { type: String, required: true },
    access_token_fingerprint: { type: String, required: true },
    expires_at: { type: Date, default: null },
  },
  { _id: false },
);

const claimSchema = new Schema(
  {
    attempt_id: { type: String, required: true },
    worker: { type: String, required: true },
    source: { type: String, required: true },
    at: { type: Date, required: true },
    lease_until: { type: Date, required: true },
    sent_at: Date,
    generation: Number,
    refresh_token_fingerprint: String,
  },
  { _id: false },
);

const errorSchema = new Schema(
  {
    class: { type: String, required: true },
    code: { type: String, required: true },
    message: { type: String, required: true },
    status: Number,
    detail: String,
    at: { type: Date, required: true },
  },
  { _id: false },
);

const lastAttemptSchema = new Schema(
  {
    attempt_id: { type: String, required: true },
    outcome: { type: String, required: true },
    source: { type: String, required: true },
    finished_at: { type: Date, required: true },
  },
  { _id: false },
);

const policySchema = new Schema(
  {
    enabled: Boolean,
    refresh_before_ms: Number,
    // Stored null means never; absent, as the provider says.
    refresh_after_age_ms: Number,
    jitter_ms: Number,
    back_off_first_ms: Number,
    back_off_max_ms: Number,
    validate_every_ms: Number,
  },
  { _id: false },
);

const lastValidationSchema = new Schema(
  {
    outcome: { type: String, enum: TOKEN_VERDICTS, required: true },
    at: { type: Date, required: true },
    log_entry_id: { type: String, required: true },
  },
  { _id: false },
);

const accountSchema = new Schema(
  {
    _id: { type: String, required: true },
    organisation: { type: String, required: true },
    provider: { type: String, required: true },
    environment: { type: String, required: true },
    external_id: { type: String, required: true },
    label: { type: String, required: true },
    kind: { type: String, default: null },
    state: { type: String, enum: Object.values(AccountState), required: true },
    state_reason: { type: String, default: null },
    state_at: { type: Date, required: true },
    quarantine: { type: Boolean, required: true },
    stale_restore: { type: Boolean, default: false },
    generation: { type: Number, required: true },
    current: { type: grantSchema, required: true },
    previous: { type: grantSchema, default: null },
    leaves: { type: [grantSchema], default: [] },
    fallback: { type: fallbackSchema, default: null },
    claim: { type: claimSchema, default: null },
    last_refreshed_at: { type: Date, required: true },
    last_attempt: { type: lastAttemptSchema, default: null },
    last_error: { type: errorSchema, default: null },
    failed_attempts: { type: Number, default: 0 },
    next_attempt_at: { type: Date, default: null },
    policy: { type: policySchema, default: null },
    refresh_token_warned_days: { type: Number, default: null },
    last_validation: { type: lastValidationSchema, default: null },
    refused_generation: { type: Number, default: null },
    // Follow from the members above and the provider's policy; written with each change of either.
    due_at: { type: Date, default: null },
    expiring_soon_at: { type: Date, default: null },
    refresh_token_warning_at: { type: Date, default: null },
    validation_due_at: { type: Date, default: null },
    // Written with the change of state that they tell of, and taken away once they are raised.
    ...UNSENT_EVENTS,
  },
  {
    collection: 'accounts',
    timestamps: { createdAt: 'created_at', updatedAt: 'updated_at' },
    strictQuery: 'throw',
    versionKey: false,
  },
);

// What a sweep scans holds only what may be refreshed, so that the others cost nothing.
const refreshable = {
  partialFilterExpression: { state: AccountState.active, quarantine: false },
};
accountSchema.index(
  { provider: 1, 'current.expires_at': 1, _id: 1 },
  { ...refreshable, name: 'expiring' },
);
accountSchema.index({ provider: 1, due_at: 1, _id: 1 }, { ...refreshable, name: 'due' });
accountSchema.index(
  { provider: 1, refresh_token_warning_at: 1, _id: 1 },
  {
    partialFilterExpression: { state: AccountState.active },
    name: 'refresh_token_warning',
  },
);
accountSchema.index(
  { provider: 1, validation_due_at: 1, _id: 1 },
  { ...refreshable, name: 'due_for_validation' },
);
accountSchema.index(
  { organisation: 1, provider: 1, environment: 1, external_id: 1, kind: 1 },
  { unique: true, name: 'identity' },
);
// One for each order in which an organisation's accounts are listed.
accountSchema.index({ organisation: 1, _id: 1 }, { name: 'listing' });
accountSchema.index(
  { organisation: 1, 'current.expires_at': 1, _id: 1 },
  { name: 'listing_by_expiry' },
);
accountSchema.index({ organisation: 1, label: 1, _id: 1 }, { name: 'listing_by_label' });
accountSchema.index(
  { organisation: 1, 'current.refresh_token_expires_at': 1 },
  { name: 'refresh_tokens_ending' },
);

accountSchema.index({ 'unsent_events.id': 1 }, { sparse: true, name: 'unsent_events' });

type Inferred = InferSchemaType<typeof accountSchema>;

/** Without the index signature that Mongoose infers of renamed timestamps: a member that is not there is an error. */
type Named<T> = {
  [Name in keyof T as string extends Name ? never : number extends Name ? never : Name]: T[Name];
};

export type AccountDocument = Omit<Named<Inferred>, 'unsent_events'> & {
  _id: string;
  created_at: Date;
  updated_at: Date;
  unsent_events?: RaisedEvent[];
};

/** Which accounts may be refreshed: not those in quarantine. */
export const NOT_IN_QUARANTINE = { quarantine: false };

/** Nor those whose refresh token is known to be replaced; accounts of before that was known lack the member. */
export const NOT_STALE = { stale_restore: { $ne: true } };

const scopedSchema = scopedToOrganisation(accountSchema);

/** The accounts of one organisation: every query names it. */
export function accountModel(connection: Connection): Model<AccountDocument> {
  return connection.model<AccountDocument>(
    'Account',
    scopedSchema as unknown as Schema<AccountDocument>,
  );
}

/** For workers, which serve all of them. */
export function accountsOfAllOrganisations(connection: Connection): Model<AccountDocument> {
  return connection.model<AccountDocument>(
    'AccountOfAnyOrganisation',
    accountSchema as unknown as Schema<AccountDocument>,
  );
}
