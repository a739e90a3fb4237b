/** The events of an organisation, and events that concern all organisations. Raising an event is one write. */
import mongoose, {
  type Connection,
  type Model,
  type QueryFilter,
  type QueryOptions,
} from 'mongoose';
import type { RaisedEvent } from '../../domain/events/event';
import { DUPLICATE_KEY, listOptions } from '../mongo/database';
import { beyond } from '../mongo/keyset';
import { ofOrganisationOrNone } from '../mongo/organisation-scope';
import {
  type EventDocument,
  eventModel,
  eventsOfAllOrganisations,
  keptUntil,
  toEvent,
} from './event-model';

export class Events {
  readonly #events: Model<EventDocument>;
  /** Not scoped, because some events belong to no organisation. */
  readonly #ofAll: Model<EventDocument>;
  readonly #listOptions: QueryOptions;
  readonly #retentionDays: number;

  constructor(connection: Connection, retentionDays: number) {
    this.#events = eventModel(connection);
    this.#ofAll = eventsOfAllOrganisations(connection);
    this.#listOptions = listOptions(connection);
    this.#retentionDays = retentionDays;
  }

  /** Raises an event for all endpoints that subscribe to its type. Safe to repeat: events with one id are one event. */
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
      // Another process raised it at the same moment.
      if (!(error instanceof mongoose.mongo.MongoServerError && error.code === DUPLICATE_KEY))
        throw error;
    }
  }

  /** Newest first, including events that concern all organisations. */
  async list({
    before,
    limit,
    ...wanted
  }: EventFilter & {
    before?: { at: Date; id: string } | undefined;
    limit: number;
  }): Promise<RaisedEvent[]> {
    const documents = await this.#events
      .find(
        {
          ...filterOf(wanted),
          ...(before === undefined ? {} : { $and: [beyond('at', '$lt', before)] }),
        },
        null,
        this.#listOptions,
      )
      .sort({ at: -1, _id: -1 })
      .limit(limit)
      .lean<EventDocument[]>();
    return documents.map(toEvent);
  }

  /** The number of matching events, counted up to `max`. */
  async count(wanted: EventFilter, max: number): Promise<number> {
    return this.#events.countDocuments(filterOf(wanted), { limit: max });
  }
}

/** An event must match each member, and any value of a member with several. */
export interface EventFilter {
  /** Events of no organisation match every organisation. */
  organisation: string;
  type?: RaisedEvent['type'] | readonly RaisedEvent['type'][] | undefined;
  accountId?: string | undefined;
  /** Raised at or after this time. */
  from?: Date | undefined;
  /** Raised before this time. */
  to?: Date | undefined;
}

function filterOf({
  organisation,
  type,
  accountId,
  from,
  to,
}: EventFilter): QueryFilter<EventDocument> {
  const filter: QueryFilter<EventDocument> = { organisation: ofOrganisationOrNone(organisation) };
  if (type !== undefined) filter['type'] = mongoose.trusted({ $in: [type].flat() });
  if (accountId !== undefined) filter['data.account_id'] = accountId;
  if (from !== undefined || to !== undefined)
    filter['at'] = mongoose.trusted({
      ...(from === undefined ? {} : { $gte: from }),
      ...(to === undefined ? {} : { $lt: to }),
    });
  return filter;
}
