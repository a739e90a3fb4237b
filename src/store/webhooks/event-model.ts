/** The document of an event, and how events wait in the document whose change they tell of. */
import { type Connection, type InferSchemaType, type Model, Schema } from 'mongoose';
import { EVENT_TYPES, type RaisedEvent } from '../domain/event';
import { scopedToOrganisation } from './organisation-scope';

/** An event as it waits where it happened, to be collected. */
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

/** Absent but while there are some, so that the index over it holds nobody else. */
export const UNSENT_EVENTS = {
  unsent_events: { type: [waitingEventSchema], default: undefined },
};

const eventSchema = new Schema(
  {
    _id: { type: String, required: true },
    type: { type: String, enum: [...EVENT_TYPES, 'webhook.test'], required: true },
    /** `null`: it concerns all of them. */
    organisation: { type: String, default: null },
    at: { type: Date, required: true },
    data: { type: Schema.Types.Mixed, required: true },
    /** Present until its deliveries have been written. */
    to_dispatch: { type: Boolean },
    /** When MongoDB may remove it (TTL). */
    remove_at: { type: Date, required: true },
  },
  { collection: 'events', strictQuery: 'throw', versionKey: false },
);
eventSchema.index({ remove_at: 1 }, { expireAfterSeconds: 0, name: 'retention' });
eventSchema.index({ organisation: 1, at: -1, _id: -1 }, { name: 'listing' });
eventSchema.index({ to_dispatch: 1 }, { sparse: true, name: 'to_dispatch' });

export type EventDocument = InferSchemaType<typeof eventSchema> & { _id: string };

const scopedSchema = scopedToOrganisation(eventSchema);

/** The events of one organisation, and those of none: every query names it. */
export function eventModel(connection: Connection): Model<EventDocument> {
  return connection.model<EventDocument>('Event', scopedSchema as unknown as Schema<EventDocument>);
}

/** For workers, which serve all of them. */
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

/** Kept for as long as the log is, and never for less than its deliveries are tried. */
export function keptUntil(at: Date, retentionDays: number): Date {
  return new Date(at.getTime() + Math.max(retentionDays, RETENTION_DAYS_MIN) * DAY_MS);
}

const DAY_MS = 24 * 3600_000;
const RETENTION_DAYS_MIN = 7;
