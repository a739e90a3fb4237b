/** The document of a webhook endpoint. */
import { type Connection, type InferSchemaType, type Model, Schema } from 'mongoose';
import { EVENT_TYPES, type EventType } from '../domain/event';
import { UNSENT_EVENTS } from './event-model';
import { scopedToOrganisation } from './organisation-scope';

export const ENDPOINT_STATES = ['enabled', 'disabled'] as const;

const secretSchema = new Schema(
  {
    /** `ENC:v1:…`, with keys of the purpose `webhook`. */
    sealed: { type: String, required: true },
    created_at: { type: Date, required: true },
    /** Of one that was replaced: it signs beside the new one until then. */
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
    state: { type: String, enum: ENDPOINT_STATES, required: true },
    state_reason: { type: String, default: null },
    state_at: { type: Date, required: true },
    /** The newest first. */
    secrets: { type: [secretSchema], required: true },
    /** In a row. */
    failures: { type: Number, default: 0 },
    /** Nothing is sent to it before, but a delivery's last try. */
    hold_until: { type: Date, default: null },
    last_success_at: { type: Date, default: null },
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

/** The endpoints of one organisation: every query names it. */
export function endpointModel(connection: Connection): Model<EndpointDocument> {
  return connection.model<EndpointDocument>(
    'WebhookEndpoint',
    scopedSchema as unknown as Schema<EndpointDocument>,
  );
}

/** For workers, which serve all of them. */
export function endpointsOfAllOrganisations(connection: Connection): Model<EndpointDocument> {
  return connection.model<EndpointDocument>(
    'WebhookEndpointOfAnyOrganisation',
    endpointSchema as unknown as Schema<EndpointDocument>,
  );
}

export function toEndpoint(document: EndpointDocument): WebhookEndpoint {
  return {
    id: document._id,
    organisation: document.organisation,
    url: document.url,
    eventTypes: document.event_types,
    description: document.description ?? null,
    state: document.state,
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

/** Those that sign now. */
export function signingSecrets({ secrets }: WebhookEndpoint, now: Date): WebhookSecret[] {
  return secrets.filter(({ expiresAt }) => expiresAt === null || expiresAt > now);
}
