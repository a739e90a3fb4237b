/** The document of a connect session, and its mapping to the domain. */
import { type Connection, type InferSchemaType, type Model, Schema } from 'mongoose';
import {
  CONNECT_FAILURES,
  CONNECT_STATUSES,
  type ConnectLeg,
  type ConnectSession,
  type SealedConsent,
} from '../../domain/connect/connect-session';
import { fromGrant, toGrant } from '../accounts/account-mapping';
import { grantSchema } from '../accounts/account-model';
import { scopedToOrganisation } from '../mongo/organisation-scope';

const inputsMember = {
  type: [new Schema({ name: String, value: String }, { _id: false })],
  default: [],
};

const legSchema = new Schema(
  {
    state_digest: { type: String, required: true },
    browser_digest: { type: String, required: true },
    sealed_verifier: { type: String, default: null },
    redirect_uri: { type: String, required: true },
    inputs: inputsMember,
    started_at: { type: Date, required: true },
    expires_at: { type: Date, required: true },
  },
  { _id: false },
);

const failureSchema = new Schema(
  {
    code: { type: String, enum: CONNECT_FAILURES, required: true },
    detail: { type: String, default: null },
    at: { type: Date, required: true },
  },
  { _id: false },
);

const pendingSchema = new Schema(
  {
    grant: { type: grantSchema, required: true },
    subject_digest: { type: String, default: null },
    subject_label: { type: String, default: null },
    missing_scopes: { type: [String], default: [] },
  },
  { _id: false },
);

const sessionSchema = new Schema(
  {
    _id: { type: String, required: true },
    organisation: { type: String, required: true },
    provider: { type: String, required: true },
    environment: { type: String, required: true },
    account_id: { type: String, required: true },
    is_reconnect: { type: Boolean, required: true },
    external_id: { type: String, default: null },
    label: { type: String, default: null },
    kind: { type: String, default: null },
    /** Absent: the provider entry's default. */
    scopes: { type: [String], default: undefined },
    required_scopes: { type: [String], default: [] },
    inputs: inputsMember,
    expected_subject: { type: String, default: null },
    allow_subject_change: { type: Boolean, required: true },
    mode: { type: String, enum: ['link', 'app'], required: true },
    challenge: { type: String, default: null },
    return_url: { type: String, default: null },
    created_by: { type: String, required: true },
    created_at: { type: Date, required: true },
    expires_at: { type: Date, required: true },
    status: { type: String, enum: CONNECT_STATUSES, required: true },
    status_at: { type: Date, required: true },
    failure: { type: failureSchema, default: null },
    other_account_id: { type: String, default: null },
    /** SHA-256 of the link's token, which is stored nowhere. */
    token_digest: { type: String, required: true },
    leg: { type: legSchema, default: null },
    pending: { type: pendingSchema, default: null },
    /** When MongoDB may remove the session (TTL). */
    remove_at: { type: Date, required: true },
  },
  { collection: 'connect_sessions', strictQuery: 'throw', versionKey: false },
);
sessionSchema.index({ remove_at: 1 }, { expireAfterSeconds: 0, name: 'retention' });
sessionSchema.index({ token_digest: 1 }, { unique: true, name: 'token' });
sessionSchema.index({ 'leg.state_digest': 1 }, { sparse: true, name: 'state' });
sessionSchema.index({ status: 1, status_at: 1 }, { name: 'status' });
sessionSchema.index({ organisation: 1, created_at: -1, _id: -1 }, { name: 'listing' });

export type ConnectSessionDocument = InferSchemaType<typeof sessionSchema> & { _id: string };

const scopedSchema = scopedToOrganisation(sessionSchema);

/** The sessions of one organisation; every query must name it. */
export function connectSessionModel(connection: Connection): Model<ConnectSessionDocument> {
  return connection.model<ConnectSessionDocument>(
    'ConnectSession',
    scopedSchema as unknown as Schema<ConnectSessionDocument>,
  );
}

/** The sessions of all organisations, for links and callbacks, which name none. */
export function connectSessionsOfAllOrganisations(
  connection: Connection,
): Model<ConnectSessionDocument> {
  return connection.model<ConnectSessionDocument>(
    'ConnectSessionOfAnyOrganisation',
    sessionSchema as unknown as Schema<ConnectSessionDocument>,
  );
}

export function toConnectSession(document: ConnectSessionDocument): ConnectSession {
  const { leg, failure, pending } = document;
  return {
    id: document._id,
    organisation: document.organisation,
    provider: document.provider,
    environment: document.environment,
    accountId: document.account_id,
    isReconnect: document.is_reconnect,
    externalId: document.external_id ?? null,
    label: document.label ?? null,
    kind: document.kind ?? null,
    scopes: document.scopes ?? null,
    requiredScopes: document.required_scopes,
    inputs: toInputs(document.inputs),
    expectedSubject: document.expected_subject ?? null,
    allowSubjectChange: document.allow_subject_change,
    mode: document.mode,
    challenge: document.challenge ?? null,
    returnUrl: document.return_url ?? null,
    createdBy: document.created_by,
    createdAt: document.created_at,
    expiresAt: document.expires_at,
    status: document.status,
    statusAt: document.status_at,
    failure: failure
      ? { code: failure.code, detail: failure.detail ?? null, at: failure.at }
      : null,
    otherAccountId: document.other_account_id ?? null,
    leg: leg
      ? {
          stateDigest: leg.state_digest,
          browserDigest: leg.browser_digest,
          sealedVerifier: leg.sealed_verifier ?? null,
          redirectUri: leg.redirect_uri,
          inputs: toInputs(leg.inputs),
          startedAt: leg.started_at,
          expiresAt: leg.expires_at,
        }
      : null,
    pending: pending
      ? {
          grant: toGrant(pending.grant),
          subject:
            typeof pending.subject_digest === 'string'
              ? { digest: pending.subject_digest, label: pending.subject_label ?? null }
              : null,
          missingScopes: pending.missing_scopes,
        }
      : null,
  };
}

export function fromLeg(leg: ConnectLeg) {
  return {
    state_digest: leg.stateDigest,
    browser_digest: leg.browserDigest,
    sealed_verifier: leg.sealedVerifier,
    redirect_uri: leg.redirectUri,
    inputs: fromInputs(leg.inputs),
    started_at: leg.startedAt,
    expires_at: leg.expiresAt,
  };
}

function toInputs(inputs: ConnectSessionDocument['inputs']): Record<string, string> {
  return Object.fromEntries(inputs.map(({ name, value }) => [name ?? '', value ?? '']));
}

export function fromInputs(inputs: Readonly<Record<string, string>>) {
  return Object.entries(inputs).map(([name, value]) => ({ name, value }));
}

export function fromConsent({ grant, subject, missingScopes }: SealedConsent) {
  return {
    grant: fromGrant(grant),
    subject_digest: subject?.digest ?? null,
    subject_label: subject?.label ?? null,
    missing_scopes: missingScopes,
  };
}
