/** The events of an organisation, and those that concern all. Raising one is a write and nothing else. */
import mongoose, { type Connection, type Model, type QueryFilter } from 'mongoose';
import type { RaisedEvent } from '../domain/event';
import { DUPLICATE_KEY } from './database';
import {
  type EventDocument,
  eventModel,
  eventsOfAllOrganisations,
  keptUntil,
  toEvent,
} from './event-model';
import { beyond } from './keyset';
import { ofOrganisationOrNone } from './organisation-scope';

export class Events {
  readonly #events: Model<EventDocument>;
  /** Raised are those of all organisations, and those that are none's. */
  readonly #ofAll: Model<EventDocument>;
  readonly #retentionDays: number;

  constructor(connection: Connection, retentionDays: number) {
    this.#events = eventModel(connection);
    this.#ofAll = eventsOfAllOrganisations(connection);
    this.#retentionDays = retentionDays;
  }

  /**
   * Raises an event: once it is written, it is delivered to whoever asks for its type. Safe to repeat: an event of the
   * same id is one event.
   */
  async raise(event: RaisedEvent): Promise<void> {
    const { id, type, organisation, data } = event;
    const at = new Date(event.at);
    const told = {
      type,
      at,
      data,
      to_dispatch: true,
      remove_at: keptUntil(at, this.#retentionDays),
    };
    try {
      await this.#ofAll.updateOne(
        { _id: id, organisation },
        { $setOnInsert: told },
        { upsert: true },
      );
    } catch (error) {
      // Somebody raised it at the same moment.
      if (!(error instanceof mongoose.mongo.MongoServerError && error.code === DUPLICATE_KEY))
        throw error;
    }
  }

  /** Newest first; those that concern all are among them. */
  async list(query: {
    organisation: string;
    type?: RaisedEvent['type'] | undefined;
    before?: { at: Date; id: string } | undefined;
    limit: number;
  }): Promise<RaisedEvent[]> {
    const filter: QueryFilter<EventDocument> = {
      organisation: ofOrganisationOrNone(query.organisation),
    };
    if (query.type !== undefined) filter['type'] = query.type;
    if (query.before !== undefined) Object.assign(filter, beyond('at', '$lt', query.before));
    const documents = await this.#events
      .find(filter)
      .sort({ at: -1, _id: -1 })
      .limit(query.limit)
      .lean<EventDocument[]>();
    return documents.map(toEvent);
  }

  async createIndexes(): Promise<void> {
    await this.#events.createIndexes();
  }
}
