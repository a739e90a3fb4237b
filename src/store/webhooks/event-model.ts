/** The document of an event, and of events that wait in the document whose change they report. */
import { type Connection, type InferSchemaType, type Model, Schema } from 'mongoose';
import { EVENT_TYPES, type RaisedEvent } from '../../domain/events/event';
import { scopedToOrganisation } from '../mongo/organisation-scope';

/** An event that waits to be collected. */
const waitingEventSchema = new Schema(
  {
    id: { type: String, required: true },
    type: { type: String, required: true },
    organisation: { type: String, default: null },
    at: { type: String, required: true },
    data: { type: Schema.Types.Mixed, required: true },
  },
  { _id: false },
);

/** Absent if empty, so that the sparse index holds only documents with waiting events. */
export const UNSENT_EVENTS = {
  unsent_events: { type: [waitingEventSchema], default: undefined },
};

const eventSchema = new Schema(
  {
    _id: { type: String, required: true },
    type: { type: String, enum: [...EVENT_TYPES, 'webhook.test'], required: true },
    /** `null`: the event concerns all organisations. */
    organisation: { type: String, default: null },
    at: { type: Date, required: true },
    data: { type: Schema.Types.Mixed, required: true },
    /** Present until its deliveries are written. */
    to_dispatch: { type: Boolean },
    /** When MongoDB may remove it (TTL). */
    remove_at: { type: Date, required: true },
  },
  { collection: 'events', strictQuery: 'throw', versionKey: false },
);
eventSchema.index({ remove_at: 1 }, { expireAfterSeconds: 0, name: 'retention' });
eventSchema.index({ organisation: 1, at: -1, _id: -1 }, { name: 'listing' });
eventSchema.index({ organisation: 1, type: 1, at: -1, _id: -1 }, { name: 'listing_by_type' });
// Partial, because events of webhooks, apps and processes concern no account.
eventSchema.index(
  { organisation: 1, 'data.account_id': 1, at: -1, _id: -1 },
  {
    partialFilterExpression: { 'data.account_id': { $exists: true } },
    name: 'listing_by_account',
  },
);
// Partial, because a sparse index of two members holds all events.
eventSchema.index(
  { to_dispatch: 1, at: 1 },
  { partialFilterExpression: { to_dispatch: true }, name: 'waiting' },
);

export type EventDocument = InferSchemaType<typeof eventSchema> & { _id: string };

const scopedSchema = scopedToOrganisation(eventSchema);

/** The events of one organisation, and events of none; every query must name the organisation. */
export function eventModel(connection: Connection): Model<EventDocument> {
  return connection.model<EventDocument>('Event', scopedSchema as unknown as Schema<EventDocument>);
}

/** The events of all organisations, for workers. */
export function eventsOfAllOrganisations(connection: Connection): Model<EventDocument> {
  return connection.model<EventDocument>(
    'EventOfAnyOrganisation',
    eventSchema as unknown as Schema<EventDocument>,
  );
}

export function toEvent({ _id, type, organisation, at, data }: EventDocument): RaisedEvent {
  return {
    id: _id,
    type,
    organisation: organisation ?? null,
    at: at.toISOString(),
    data,
  } as RaisedEvent;
}

/** Events are kept as long as the log, and at least as long as their deliveries are attempted. */
export function keptUntil(at: Date, retentionDays: number): Date {
  return new Date(at.getTime() + Math.max(retentionDays, RETENTION_DAYS_MIN) * DAY_MS);
}

const DAY_MS = 24 * 3600_000;
const RETENTION_DAYS_MIN = 7;
