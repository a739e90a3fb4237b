/** Deliveries as an organisation's admins see them. Every query is bound to one organisation. */
import mongoose, {
  type Connection,
  type Model,
  type QueryFilter,
  type QueryOptions,
} from 'mongoose';
import type { RaisedEvent } from '../../domain/events/event';
import type { DeliveryState } from '../../domain/events/webhook-delivery';
import { listOptions } from '../mongo/database';
import { beyond } from '../mongo/keyset';
import { keptUntil } from './event-model';
import {
  type DeliveryDocument,
  deliveryId,
  deliveryModel,
  newDelivery,
  toDelivery,
  type WebhookDelivery,
} from './webhook-delivery-model';

/** A delivery must match each member, and any value of a member with several. */
export interface DeliveryFilter {
  organisation: string;
  endpointId?: string | readonly string[] | undefined;
  state?: DeliveryState | readonly DeliveryState[] | undefined;
  eventType?: readonly string[] | undefined;
  /** Created at or after this time. */
  from?: Date | undefined;
  /** Created before this time. */
  to?: Date | undefined;
}

export class WebhookDeliveries {
  readonly #deliveries: Model<DeliveryDocument>;
  readonly #listOptions: QueryOptions;
  readonly #retentionDays: number;

  constructor(connection: Connection, retentionDays: number) {
    this.#deliveries = deliveryModel(connection);
    this.#listOptions = listOptions(connection);
    this.#retentionDays = retentionDays;
  }

  /** Creates a delivery to a single endpoint, whatever its event types. A worker starts it within seconds. */
  async create(
    event: RaisedEvent,
    endpoint: { id: string; organisation: string },
    now: Date,
  ): Promise<WebhookDelivery> {
    const document = new this.#deliveries({
      _id: deliveryId(event.id, endpoint.id),
      ...newDelivery(event, endpoint, now, this.#retentionDays),
    });
    await document.save();
    return toDelivery(document.toObject());
  }

  async find(organisation: string, id: string): Promise<WebhookDelivery | null> {
    const document = await this.#deliveries
      .findOne({ organisation, _id: id })
      .lean<DeliveryDocument>();
    return document === null ? null : toDelivery(document);
  }

  /** Newest first. */
  async list({
    before,
    limit,
    ...wanted
  }: DeliveryFilter & {
    before?: { at: Date; id: string } | undefined;
    limit: number;
  }): Promise<WebhookDelivery[]> {
    const documents = await this.#deliveries
      .find(
        {
          ...filterOf(wanted),
          ...(before === undefined ? {} : { $and: [beyond('created_at', '$lt', before)] }),
        },
        null,
        this.#listOptions,
      )
      .sort({ created_at: -1, _id: -1 })
      .limit(limit)
      .lean<DeliveryDocument[]>();
    return documents.map(toDelivery);
  }

  /** The number of matching deliveries, counted up to `max`. */
  async count(wanted: DeliveryFilter, max: number): Promise<number> {
    return this.#deliveries.countDocuments(filterOf(wanted), { limit: max });
  }

  /** Restarts a delivery from its first attempt, whatever its state. Earlier attempts stay on record. */
  async replay(organisation: string, id: string, now: Date): Promise<WebhookDelivery | null> {
    const document = await this.#deliveries
      .findOneAndUpdate(
        { organisation, _id: id },
        {
          $set: {
            state: 'pending',
            tries: 0,
            next_try_at: now,
            start_at: now,
            finished_at: null,
            remove_at: keptUntil(now, this.#retentionDays),
          },
        },
        { returnDocument: 'after' },
      )
      .lean<DeliveryDocument>();
    return document === null ? null : toDelivery(document);
  }

  /**
   * Skips the pending deliveries of an endpoint that no longer receives events.
   * @param butFor a delivery to leave unchanged
   */
  async skipPending(
    organisation: string,
    endpointId: string,
    now: Date,
    butFor?: string,
  ): Promise<void> {
    await this.#deliveries.updateMany(
      {
        organisation,
        endpoint_id: endpointId,
        state: 'pending',
        ...(butFor === undefined ? {} : { _id: mongoose.trusted({ $ne: butFor }) }),
      },
      { $set: { state: 'skipped', next_try_at: null, finished_at: now }, $unset: { start_at: 1 } },
    );
  }
}

function filterOf({
  organisation,
  endpointId,
  state,
  eventType,
  from,
  to,
}: DeliveryFilter): QueryFilter<DeliveryDocument> {
  const filter: QueryFilter<DeliveryDocument> = { organisation };
  if (endpointId !== undefined)
    filter['endpoint_id'] = mongoose.trusted({ $in: [endpointId].flat() });
  if (state !== undefined) filter['state'] = mongoose.trusted({ $in: [state].flat() });
  if (eventType !== undefined) filter['event_type'] = mongoose.trusted({ $in: [...eventType] });
  if (from !== undefined || to !== undefined)
    filter['created_at'] = mongoose.trusted({
      ...(from === undefined ? {} : { $gte: from }),
      ...(to === undefined ? {} : { $lt: to }),
    });
  return filter;
}
