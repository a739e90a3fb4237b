/** The document of a webhook endpoint. */
import { type Connection, type InferSchemaType, type Model, Schema } from 'mongoose';
import { EVENT_TYPES, type EventType } from '../../domain/events/event';
import { momentOf, NOT_WRITTEN_BY_EVERGRANT, type RowIntegrity } from '../encryption/row-integrity';
import { scopedToOrganisation } from '../mongo/organisation-scope';
import { UNSENT_EVENTS } from './event-model';

const STORED_STATES = ['enabled', 'disabled'] as const;
/** `invalid`: the row was not written by Evergrant or was changed since. Nothing is sent to it. */
export const ENDPOINT_STATES = [...STORED_STATES, 'invalid'] as const;

const secretSchema = new Schema(
  {
    /** `ENC:v1:…`, encrypted for the purpose `webhook`. */
    sealed: { type: String, required: true },
    created_at: { type: Date, required: true },
    /** For a replaced secret: it signs alongside the new one until this time. */
    expires_at: { type: Date, default: null },
  },
  { _id: false },
);

const endpointSchema = new Schema(
  {
    _id: { type: String, required: true },
    organisation: { type: String, required: true },
    url: { type: String, required: true },
    event_types: { type: [{ type: String, enum: EVENT_TYPES }], required: true },
    description: { type: String, default: null },
    /** Whether `account.needs_reconnect` carries a link; absent: no. */
    include_reconnect_link: Boolean,
    state: { type: String, enum: STORED_STATES, required: true },
    state_reason: { type: String, default: null },
    state_at: { type: Date, required: true },
    /** Newest first. */
    secrets: { type: [secretSchema], required: true },
    /** Consecutive failed attempts. */
    failures: { type: Number, default: 0 },
    /** Until this time nothing is sent to the endpoint, except the last attempt of a delivery. */
    hold_until: { type: Date, default: null },
    last_success_at: { type: Date, default: null },
    /** Authentication code; see {@link endpointCode}. */
    code: { type: String, required: true },
    ...UNSENT_EVENTS,
  },
  {
    collection: 'webhook_endpoints',
    timestamps: { createdAt: 'created_at', updatedAt: 'updated_at' },
    strictQuery: 'throw',
    versionKey: false,
  },
);
endpointSchema.index({ organisation: 1, _id: 1 }, { name: 'listing' });
endpointSchema.index({ 'unsent_events.id': 1 }, { sparse: true, name: 'unsent_events' });

export type EndpointDocument = InferSchemaType<typeof endpointSchema> & {
  _id: string;
  created_at: Date;
  updated_at: Date;
};

export interface WebhookSecret {
  sealed: string;
  createdAt: Date;
  expiresAt: Date | null;
}

export interface WebhookEndpoint {
  id: string;
  organisation: string;
  url: string;
  eventTypes: EventType[];
  description: string | null;
  /** Whether `account.needs_reconnect` carries a link for the owner, which is made for each delivery. */
  includeReconnectLink: boolean;
  state: (typeof ENDPOINT_STATES)[number];
  stateReason: string | null;
  stateAt: Date;
  secrets: WebhookSecret[];
  failures: number;
  holdUntil: Date | null;
  lastSuccessAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
}

const scopedSchema = scopedToOrganisation(endpointSchema);

/** The endpoints of one organisation; every query must name it. */
export function endpointModel(connection: Connection): Model<EndpointDocument> {
  return connection.model<EndpointDocument>(
    'WebhookEndpoint',
    scopedSchema as unknown as Schema<EndpointDocument>,
  );
}

/** The endpoints of all organisations, for workers. */
export function endpointsOfAllOrganisations(connection: Connection): Model<EndpointDocument> {
  return connection.model<EndpointDocument>(
    'WebhookEndpointOfAnyOrganisation',
    endpointSchema as unknown as Schema<EndpointDocument>,
  );
}

/** The members that decide what is sent where. The secrets grant nothing, and are encrypted for this endpoint. */
type EndpointGrant = Pick<
  WebhookEndpoint,
  'id' | 'organisation' | 'url' | 'eventTypes' | 'state' | 'includeReconnectLink'
>;

export function endpointCode(integrity: RowIntegrity, endpoint: EndpointGrant): string {
  return integrity.codeOf('webhook_endpoint', membersOf(endpoint));
}

function membersOf(endpoint: EndpointGrant): unknown[] {
  const { id, organisation, url, eventTypes, state, includeReconnectLink } = endpoint;
  // A link is a permission, so a row that was changed to get links is not valid.
  const links = includeReconnectLink ? ['include_reconnect_link'] : [];
  return [id, organisation, url, eventTypes, state, ...links];
}

export function toEndpoint(document: EndpointDocument, integrity: RowIntegrity): WebhookEndpoint {
  const grant = {
    id: document._id,
    organisation: document.organisation,
    url: document.url,
    eventTypes: document.event_types,
    state: document.state,
    includeReconnectLink: document.include_reconnect_link ?? false,
  };
  const { id, organisation } = grant;
  const name = { row: 'webhook_endpoint', id, organisation } as const;
  if (!integrity.isValid(name, membersOf(grant), document.code)) return toInvalidEndpoint(document);
  return {
    ...grant,
    description: document.description ?? null,
    stateReason: document.state_reason ?? null,
    stateAt: document.state_at,
    secrets: document.secrets.map(({ sealed, created_at, expires_at }) => ({
      sealed,
      createdAt: created_at,
      expiresAt: expires_at ?? null,
    })),
    failures: document.failures,
    holdUntil: document.hold_until ?? null,
    lastSuccessAt: document.last_success_at ?? null,
    createdAt: document.created_at,
    updatedAt: document.updated_at,
  };
}

/** A row that fails the check may have missing members or members of the wrong type. */
function toInvalidEndpoint(
  document: {
    [Member in keyof EndpointDocument]: unknown;
  },
): WebhookEndpoint {
  return {
    id: String(document._id),
    organisation: String(document.organisation),
    url: String(document.url),
    eventTypes: [],
    description: null,
    includeReconnectLink: false,
    state: 'invalid',
    stateReason: `${NOT_WRITTEN_BY_EVERGRANT} Nothing is sent to it. ${REPLACE_IT}`,
    stateAt: momentOf(document.state_at),
    secrets: [],
    failures: 0,
    holdUntil: null,
    lastSuccessAt: null,
    createdAt: momentOf(document.created_at),
    updatedAt: momentOf(document.updated_at),
  };
}

export const REPLACE_IT =
  'Find out who can write to MongoDB, then remove the webhook and add it again.';

/** The secrets that sign at this time. */
export function signingSecrets({ secrets }: WebhookEndpoint, now: Date): WebhookSecret[] {
  return secrets.filter(({ expiresAt }) => expiresAt === null || expiresAt > now);
}
