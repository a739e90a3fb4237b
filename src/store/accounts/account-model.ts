/** The account document. Members are snake_case, as in every document and every API body. */
import { type Connection, type InferSchemaType, type Model, Schema } from 'mongoose';
import { AccountState, TOKEN_VERDICTS } from '../../domain/account/account';
import { GRANT_TYPES } from '../../domain/account/grant-type';
import { REVOCATION_RESULTS, TOKEN_PLACES } from '../../domain/connect/disconnection';
import type { RaisedEvent } from '../../domain/events/event';
import { UNANSWERED_CAUSES } from '../../domain/refresh/replay';
import { scopedToOrganisation } from '../mongo/organisation-scope';
import { UNSENT_EVENTS } from '../webhooks/event-model';

const providerValueSchema = new Schema(
  { name: { type: String, required: true }, value: { type: String, required: true } },
  { _id: false },
);

export const grantSchema = new Schema(
  {
    /** `null`: the account has no access token yet. */
    access_token: { type: String, default: null },
    /** In accounts with credentials: the credentials. */
    refresh_token: { type: String, default: null },
    access_token_fingerprint: { type: String, default: null },
    refresh_token_fingerprint: { type: String, default: null },
    /** `null` on a grant with a refresh token: the access token does not expire. */
    expires_at: { type: Date, default: null },
    refresh_token_expires_at: { type: Date, default: null },
    /** The end that counts from the consent. Absent: there is none, or it is not known yet. */
    refresh_token_ends_at: { type: Date, default: undefined },
    scopes: { type: [String], default: [] },
    /** Pairs, because a name may contain a dot. Absent: the provider stated none. */
    provider_values: { type: [providerValueSchema], default: undefined },
    obtained_at: { type: Date, required: true },
    attempt_id: { type: String, default: null },
    /** The generation its tokens are encrypted for. The current grant uses the account's own generation instead. */
    generation: { type: Number, required: true },
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

const unansweredSchema = new Schema(
  {
    attempt_id: { type: String, required: true },
    sent_at: { type: Date, required: true },
    refresh_token_fingerprint: { type: String, required: true },
    cause: { type: String, enum: UNANSWERED_CAUSES, required: true },
  },
  { _id: false },
);

const lastAttemptSchema = new Schema(
  {
    attempt_id: { type: String, required: true },
    outcome: { type: String, required: true },
    source: { type: String, required: true },
    finished_at: { type: Date, required: true },
    of_candidate: Boolean,
  },
  { _id: false },
);

const policySchema = new Schema(
  {
    enabled: Boolean,
    refresh_before_ms: Number,
    // `null` means never; if absent, the provider's policy applies.
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

const candidateSchema = new Schema(
  {
    fingerprint: { type: String, required: true },
    grant: { type: grantSchema, required: true },
    since: { type: Date, required: true },
    by: { type: String, required: true },
    failed_attempts: { type: Number, default: 0 },
    next_attempt_at: { type: Date, default: null },
    last_failure: { type: errorSchema, default: null },
  },
  { _id: false },
);

const replacedSchema = new Schema(
  {
    grant: { type: grantSchema, required: true },
    at: { type: Date, required: true },
    until: { type: Date, required: true },
  },
  { _id: false },
);

const lastReconnectSchema = new Schema(
  {
    outcome: { type: String, enum: ['accepted', 'refused'], required: true },
    fingerprint: { type: String, required: true },
    at: { type: Date, required: true },
    log_entry_id: { type: String, required: true },
    failure: { type: errorSchema, default: null },
  },
  { _id: false },
);

const ownerEmailSchema = new Schema(
  {
    /** `ENC:v1:…` */
    sealed: { type: String, required: true },
    masked: { type: String, required: true },
    digest: { type: String, required: true },
  },
  { _id: false },
);

const disconnectionSchema = new Schema(
  {
    id: { type: String, required: true },
    started_at: { type: Date, required: true },
    started_by: { type: String, required: true },
    finished_at: { type: Date, default: null },
    attempts: { type: Number, required: true },
    next_attempt_at: { type: Date, default: null },
    tokens: {
      type: [
        new Schema(
          {
            grant: { type: String, enum: TOKEN_PLACES, required: true },
            token: { type: String, enum: ['refresh_token', 'access_token'], required: true },
            fingerprint: { type: String, required: true },
            result: { type: String, enum: [...REVOCATION_RESULTS, null], default: null },
            at: { type: Date, default: null },
          },
          { _id: false },
        ),
      ],
      required: true,
    },
  },
  { _id: false },
);

const remindersSchema = new Schema(
  { since: { type: Date, required: true }, sent: { type: Number, required: true } },
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
    /** Absent in accounts of 0.1.0. */
    quarantined_at: Date,
    stale_restore: { type: Boolean, default: false },
    generation: { type: Number, required: true },
    /** Absent: `refresh_token`, as in all accounts of 0.1.0. */
    grant: { type: String, enum: GRANT_TYPES },
    /** Absent: the account uses the OAuth app. */
    own_client: Boolean,
    /** When a caller last asked for a token of an account with credentials. */
    asked_at: Date,
    current: { type: grantSchema, required: true },
    /** See `entered-refresh-token.ts`; absent if other accounts may share the token. */
    entered_refresh_token: String,
    previous: { type: grantSchema, default: null },
    orphaned_grants: { type: [grantSchema], default: [] },
    candidate: { type: candidateSchema, default: null },
    replaced: { type: replacedSchema, default: null },
    last_reconnect: { type: lastReconnectSchema, default: null },
    fallback: { type: fallbackSchema, default: null },
    claim: { type: claimSchema, default: null },
    /** When a refresh brought the current grant; `null` if none did. */
    last_refreshed_at: { type: Date, default: null },
    last_attempt: { type: lastAttemptSchema, default: null },
    last_error: { type: errorSchema, default: null },
    unanswered: { type: unansweredSchema, default: null },
    failed_attempts: { type: Number, default: 0 },
    proven: { type: Boolean, default: false },
    refused_at: { type: Date, default: null },
    next_attempt_at: { type: Date, default: null },
    policy: { type: policySchema, default: null },
    /** Keyed digest of who consented; absent if unknown. */
    subject_digest: String,
    subject_label: { type: String, default: null },
    owner_email: { type: ownerEmailSchema, default: null },
    reminders: { type: remindersSchema, default: null },
    missing_scopes: { type: [String], default: undefined },
    disconnection: { type: disconnectionSchema, default: null },
    refresh_token_warned_days: { type: Number, default: null },
    last_validation: { type: lastValidationSchema, default: null },
    validated_at: { type: Date, default: null },
    refused_generation: { type: Number, default: null },
    // Derived from the members above and the provider's policy; written with each change of either.
    due_at: { type: Date, default: null },
    expiring_soon_at: { type: Date, default: null },
    first_expiry_at: { type: Date, default: null },
    refresh_token_warning_at: { type: Date, default: null },
    validation_due_at: { type: Date, default: null },
    // Written in the same update as the change of state, and removed once the events are raised.
    ...UNSENT_EVENTS,
  },
  {
    collection: 'accounts',
    timestamps: { createdAt: 'created_at', updatedAt: 'updated_at' },
    strictQuery: 'throw',
    versionKey: false,
  },
);

// Partial indexes: sweeps scan only accounts that may be refreshed.
const refreshable = {
  partialFilterExpression: { state: AccountState.active, quarantine: false },
};
accountSchema.index(
  { provider: 1, first_expiry_at: 1, _id: 1 },
  { ...refreshable, name: 'first_expiry' },
);
accountSchema.index({ provider: 1, due_at: 1, _id: 1 }, { ...refreshable, name: 'due' });
accountSchema.index(
  { provider: 1, environment: 1, proven: 1, organisation: 1, 'last_attempt.finished_at': 1 },
  { ...refreshable, name: 'probing' },
);
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
/** The unique index that prevents two accounts from sharing one entered refresh token. */
export const ENTERED_REFRESH_TOKEN = 'entered_refresh_token';
accountSchema.index(
  { entered_refresh_token: 1 },
  { unique: true, sparse: true, name: ENTERED_REFRESH_TOKEN },
);
/** The unique index that prevents two accounts of an organisation from holding one consent. */
export const SUBJECT = 'subject_digest';
accountSchema.index({ subject_digest: 1 }, { unique: true, sparse: true, name: SUBJECT });
accountSchema.index(
  { organisation: 1, 'current.refresh_token_fingerprint': 1 },
  { name: 'refresh_token_holders' },
);
// One index per sort order of the account list.
accountSchema.index({ organisation: 1, _id: 1 }, { name: 'listing' });
accountSchema.index(
  { organisation: 1, 'current.expires_at': 1, _id: 1 },
  { name: 'listing_by_expiry' },
);
accountSchema.index({ organisation: 1, label: 1, _id: 1 }, { name: 'listing_by_label' });
// A restricted key lists its accounts by id, so that a page reads no account of another provider or kind.
accountSchema.index({ organisation: 1, provider: 1, _id: 1 }, { name: 'listing_of_provider' });
accountSchema.index({ organisation: 1, kind: 1, _id: 1 }, { name: 'listing_of_kind' });
accountSchema.index(
  { organisation: 1, 'current.refresh_token_expires_at': 1, _id: 1 },
  { name: 'listing_by_refresh_expiry' },
);
accountSchema.index(
  { organisation: 1, state: 1, 'last_error.code': 1, state_at: 1, _id: 1 },
  { name: 'listing_by_state' },
);

// Sparse: most accounts hold no replaced grant, and expired ones are deleted.
accountSchema.index({ 'replaced.until': 1 }, { sparse: true, name: 'replaced_grants' });
accountSchema.index(
  { 'owner_email.digest': 1, _id: 1 },
  { partialFilterExpression: { state: AccountState.needsReconnect }, name: 'reminders' },
);
accountSchema.index({ 'unsent_events.id': 1 }, { sparse: true, name: 'unsent_events' });

type Inferred = InferSchemaType<typeof accountSchema>;

/** Removes the index signature that Mongoose infers for renamed timestamps, so that unknown members are type errors. */
type Named<T> = {
  [Name in keyof T as string extends Name ? never : number extends Name ? never : Name]: T[Name];
};

export type AccountDocument = Omit<Named<Inferred>, 'unsent_events'> & {
  _id: string;
  created_at: Date;
  updated_at: Date;
  unsent_events?: RaisedEvent[];
};

/** Filter for accounts that are not in quarantine, which must not be refreshed. */
export const NOT_IN_QUARANTINE = { quarantine: false };

/** Filter for accounts whose refresh token is not known to be outdated; documents may lack the member. */
export const NOT_STALE = { stale_restore: { $ne: true } };

/** A candidate grant can be refreshed, whatever the state of the current one. */
export const HAS_CANDIDATE = { 'candidate.grant.refresh_token': { $type: 'string' } } as const;

const scopedSchema = scopedToOrganisation(accountSchema);

/** The accounts of one organisation; every query must name it. */
export function accountModel(connection: Connection): Model<AccountDocument> {
  return connection.model<AccountDocument>(
    'Account',
    scopedSchema as unknown as Schema<AccountDocument>,
  );
}

/** The accounts of all organisations, for workers. */
export function accountsOfAllOrganisations(connection: Connection): Model<AccountDocument> {
  return connection.model<AccountDocument>(
    'AccountOfAnyOrganisation',
    accountSchema as unknown as Schema<AccountDocument>,
  );
}
