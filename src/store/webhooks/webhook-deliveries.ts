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
  async list(query: {
    organisation: string;
    endpointId: string;
    state?: DeliveryState | undefined;
    before?: { at: Date; id: string } | undefined;
    limit: number;
  }): Promise<WebhookDelivery[]> {
    const filter: QueryFilter<DeliveryDocument> = {
      organisation: query.organisation,
      endpoint_id: query.endpointId,
    };
    if (query.state !== undefined) filter['state'] = query.state;
    if (query.before !== undefined)
      Object.assign(filter, beyond('created_at', '$lt', query.before));
    const documents = await this.#deliveries
      .find(filter, null, this.#listOptions)
      .sort({ created_at: -1, _id: -1 })
      .limit(query.limit)
      .lean<DeliveryDocument[]>();
    return documents.map(toDelivery);
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
