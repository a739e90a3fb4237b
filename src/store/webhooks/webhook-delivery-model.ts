/** The document of a delivery: one event to one endpoint, with all its attempts. */
import { createHash } from 'node:crypto';
import { type Connection, type InferSchemaType, type Model, Schema } from 'mongoose';
import type { RaisedEvent } from '../../domain/events/event';
import { DELIVERY_STATES, type DeliveryState } from '../../domain/events/webhook-delivery';
import { scopedToOrganisation } from '../mongo/organisation-scope';
import { keptUntil } from './event-model';

const trySchema = new Schema(
  {
    at: { type: Date, required: true },
    status: { type: Number, default: null },
    /** Why there was no response. */
    error: { type: String, default: null },
    duration_ms: { type: Number, required: true },
  },
  { _id: false },
);

const deliverySchema = new Schema(
  {
    _id: { type: String, required: true },
    /** The endpoint's organisation. */
    organisation: { type: String, required: true },
    endpoint_id: { type: String, required: true },
    event_id: { type: String, required: true },
    event_type: { type: String, required: true },
    state: { type: String, enum: DELIVERY_STATES, required: true },
    /** Attempts since creation or the last replay, including attempts that were held back. */
    tries: { type: Number, required: true },
    attempts: { type: [trySchema], required: true },
    next_try_at: { type: Date, default: null },
    /** When to start its workflow if it is not running; absent once the delivery is over. */
    start_at: { type: Date },
    created_at: { type: Date, required: true },
    finished_at: { type: Date, default: null },
    /** When MongoDB may remove it (TTL). */
    remove_at: { type: Date, required: true },
  },
  { collection: 'webhook_deliveries', strictQuery: 'throw', versionKey: false },
);
deliverySchema.index({ remove_at: 1 }, { expireAfterSeconds: 0, name: 'retention' });
deliverySchema.index(
  { organisation: 1, endpoint_id: 1, created_at: -1, _id: -1 },
  { name: 'listing' },
);
deliverySchema.index(
  { organisation: 1, created_at: -1, _id: -1 },
  { name: 'organisation_listing' },
);
deliverySchema.index(
  { organisation: 1, state: 1, created_at: -1, _id: -1 },
  { name: 'organisation_listing_by_state' },
);
deliverySchema.index({ start_at: 1 }, { sparse: true, name: 'to_start' });

export type DeliveryDocument = InferSchemaType<typeof deliverySchema> & { _id: string };

export interface DeliveryAttempt {
  at: Date;
  status: number | null;
  error: string | null;
  durationMs: number;
}

export interface WebhookDelivery {
  id: string;
  organisation: string;
  endpointId: string;
  eventId: string;
  eventType: string;
  state: DeliveryState;
  tries: number;
  attempts: DeliveryAttempt[];
  nextTryAt: Date | null;
  createdAt: Date;
  finishedAt: Date | null;
}

/** The id of a delivery: deterministic, so that repeating the dispatch creates no second delivery. */
export function deliveryId(eventId: string, endpointId: string): string {
  const digest = createHash('sha256').update(`${eventId} ${endpointId}`).digest('hex');
  return `dlv_${digest.slice(0, 24)}`;
}

const scopedSchema = scopedToOrganisation(deliverySchema);

/** The deliveries of one organisation; every query must name it. */
export function deliveryModel(connection: Connection): Model<DeliveryDocument> {
  return connection.model<DeliveryDocument>(
    'WebhookDelivery',
    scopedSchema as unknown as Schema<DeliveryDocument>,
  );
}

/** The deliveries of all organisations, for workers. */
export function deliveriesOfAllOrganisations(connection: Connection): Model<DeliveryDocument> {
  return connection.model<DeliveryDocument>(
    'WebhookDeliveryOfAnyOrganisation',
    deliverySchema as unknown as Schema<DeliveryDocument>,
  );
}

export function toDelivery(document: DeliveryDocument): WebhookDelivery {
  return {
    id: document._id,
    organisation: document.organisation,
    endpointId: document.endpoint_id,
    eventId: document.event_id,
    eventType: document.event_type,
    state: document.state,
    tries: document.tries,
    attempts: document.attempts.map(({ at, status, error, duration_ms }) => ({
      at,
      status: status ?? null,
      error: error ?? null,
      durationMs: duration_ms,
    })),
    nextTryAt: document.next_try_at ?? null,
    createdAt: document.created_at,
    finishedAt: document.finished_at ?? null,
  };
}

/** A delivery that starts now, without its id. */
export function newDelivery(
  event: RaisedEvent,
  endpoint: { id: string; organisation: string },
  now: Date,
  retentionDays: number,
): Omit<DeliveryDocument, '_id'> {
  return {
    organisation: endpoint.organisation,
    endpoint_id: endpoint.id,
    event_id: event.id,
    event_type: event.type,
    state: 'pending',
    tries: 0,
    attempts: [],
    next_try_at: now,
    start_at: now,
    created_at: now,
    finished_at: null,
    remove_at: keptUntil(now, retentionDays),
  } as unknown as Omit<DeliveryDocument, '_id'>;
}
