/**
 * The way of an event from where it happened to those who asked for it, for workers, which serve all organisations.
 * Each step may be done twice, or by two workers at once, and comes to the same: ids are given before, and what a step
 * was for is taken away only after it is done.
 */
import type { Connection, Model } from 'mongoose';
import { type DisabledReason, endpointDisabledEvent, type RaisedEvent } from '../domain/event';
import type { DeliveryState } from '../domain/webhook-delivery';
import { accountsOfAllOrganisations } from './account-model';
import { type EventDocument, eventsOfAllOrganisations, toEvent } from './event-model';
import type { Events } from './events';
import {
  type DeliveryAttempt,
  type DeliveryDocument,
  deliveriesOfAllOrganisations,
  deliveryId,
  newDelivery,
  toDelivery,
  type WebhookDelivery,
} from './webhook-delivery-model';
import {
  type EndpointDocument,
  endpointsOfAllOrganisations,
  toEndpoint,
  type WebhookEndpoint,
} from './webhook-endpoint-model';

/** What all documents have in common in which events wait. */
interface Waiting {
  _id: string;
  unsent_events?: RaisedEvent[];
}

/** A workflow that has not said anything for so long after its next try was due is started again. */
const SILENT_MAX_MS = 10 * 60_000;
const ATTEMPTS_MAX = 50;

export class WebhookOutbox {
  readonly #waiting: readonly Model<Waiting>[];
  readonly #endpoints: Model<EndpointDocument>;
  readonly #events: Model<EventDocument>;
  readonly #deliveries: Model<DeliveryDocument>;
  readonly #raise: (event: RaisedEvent) => Promise<void>;
  readonly #retentionDays: number;

  constructor(connection: Connection, events: Events, retentionDays: number) {
    this.#endpoints = endpointsOfAllOrganisations(connection);
    this.#waiting = [
      accountsOfAllOrganisations(connection),
      this.#endpoints,
    ] as unknown as Model<Waiting>[];
    this.#events = eventsOfAllOrganisations(connection);
    this.#deliveries = deliveriesOfAllOrganisations(connection);
    this.#raise = (event) => events.raise(event);
    this.#retentionDays = retentionDays;
  }

  /** Raises what waits in accounts and endpoints. An event is taken from there once it is raised. */
  async collect(limit: number): Promise<void> {
    for (const model of this.#waiting) {
      const documents = await model
        .find({ 'unsent_events.id': { $exists: true } }, { unsent_events: 1 })
        .limit(limit)
        .lean<Waiting[]>();
      for (const { _id, unsent_events: events = [] } of documents) {
        for (const event of events) await this.#raise(event);
        const ids = events.map(({ id }) => id);
        const quietly = { timestamps: false };
        await model.updateOne({ _id }, { $pull: { unsent_events: { id: { $in: ids } } } }, quietly);
        await model.updateOne(
          { _id, unsent_events: { $size: 0 } },
          { $unset: { unsent_events: 1 } },
          quietly,
        );
      }
    }
  }

  /** Writes a delivery for each event and each endpoint that asks for it. The oldest events first. */
  async dispatch(now: Date, limit: number): Promise<void> {
    const documents = await this.#events
      .find({ to_dispatch: { $exists: true } })
      .sort({ at: 1 })
      .limit(limit)
      .lean<EventDocument[]>();
    for (const document of documents) {
      const event = toEvent(document);
      for (const endpoint of await this.#askingFor(event)) {
        await this.#deliveries.updateOne(
          { _id: deliveryId(event.id, endpoint.id) },
          { $setOnInsert: newDelivery(event, endpoint, now, this.#retentionDays) },
          { upsert: true },
        );
      }
      await this.#events.updateOne({ _id: event.id }, { $unset: { to_dispatch: 1 } });
    }
  }

  async #askingFor({ type, organisation }: RaisedEvent): Promise<WebhookEndpoint[]> {
    const documents = await this.#endpoints
      .find({
        state: 'enabled',
        event_types: type,
        ...(organisation === null ? {} : { organisation }),
      })
      .lean<EndpointDocument[]>();
    return documents.map(toEndpoint);
  }

  /** Deliveries whose workflow is to be started now, the longest due first. */
  async toStart(now: Date, limit: number): Promise<WebhookDelivery[]> {
    const documents = await this.#deliveries
      .find({ start_at: { $lte: now } })
      .sort({ start_at: 1 })
      .limit(limit)
      .lean<DeliveryDocument[]>();
    return documents.map(toDelivery);
  }

  /** Its workflow runs: it is looked after again only if it then says nothing. */
  async started({ id }: WebhookDelivery, now: Date): Promise<void> {
    await this.#deliveries.updateOne(
      { _id: id, start_at: { $lte: now } },
      { $set: { start_at: new Date(now.getTime() + SILENT_MAX_MS) } },
    );
  }

  /** A delivery with all that a try needs; `null` where an event or an endpoint is no more. */
  async read(id: string): Promise<{
    delivery: WebhookDelivery;
    endpoint: WebhookEndpoint | null;
    event: RaisedEvent | null;
  } | null> {
    const document = await this.#deliveries.findById(id).lean<DeliveryDocument>();
    if (document === null) return null;
    const delivery = toDelivery(document);
    const [endpoint, event] = await Promise.all([
      this.#endpoints.findById(delivery.endpointId).lean<EndpointDocument>(),
      this.#events.findById(delivery.eventId).lean<EventDocument>(),
    ]);
    return {
      delivery,
      endpoint: endpoint === null ? null : toEndpoint(endpoint),
      event: event === null ? null : toEvent(event),
    };
  }

  /**
   * Writes how a try ended: the delivery is over, or tried again.
   * @param attempt `null`: nothing was sent
   */
  async conclude(
    { id }: WebhookDelivery,
    attempt: DeliveryAttempt | null,
    end: { nextTryAt: Date } | { state: Exclude<DeliveryState, 'pending'>; at: Date },
  ): Promise<void> {
    const pushed =
      attempt === null
        ? {}
        : { $push: { attempts: { $each: [attemptDocument(attempt)], $slice: -ATTEMPTS_MAX } } };
    const update =
      'state' in end
        ? {
            $set: { state: end.state, next_try_at: null, finished_at: end.at },
            $unset: { start_at: 1 },
          }
        : {
            $set: {
              next_try_at: end.nextTryAt,
              start_at: new Date(end.nextTryAt.getTime() + SILENT_MAX_MS),
            },
          };
    await this.#deliveries.updateOne(
      { _id: id, state: 'pending' },
      { ...update, ...pushed, $inc: { tries: 1 } },
    );
  }

  async noteSuccess({ id }: WebhookEndpoint, now: Date): Promise<void> {
    await this.#endpoints.updateOne(
      { _id: id },
      { $set: { failures: 0, hold_until: null, last_success_at: now } },
      { timestamps: false },
    );
  }

  /** Tries that were made side by side and failed together count as one. */
  async noteFailure({ id, failures }: WebhookEndpoint, holdUntil: Date): Promise<void> {
    await this.#endpoints.updateOne(
      { _id: id },
      { $set: { failures: failures + 1, hold_until: holdUntil } },
      { timestamps: false },
    );
  }

  /**
   * Disables an endpoint, and leaves the event that says so in it.
   * @returns whether it was enabled
   */
  async disable(
    { id, organisation }: WebhookEndpoint,
    { reason, message }: { reason: DisabledReason; message: string },
    now: Date,
  ): Promise<boolean> {
    const { matchedCount } = await this.#endpoints.updateOne(
      { _id: id, state: 'enabled' },
      {
        $set: { state: 'disabled', state_reason: message, state_at: now },
        $push: { unsent_events: endpointDisabledEvent({ id, organisation }, reason, now) },
      },
    );
    return matchedCount === 1;
  }
}

function attemptDocument({ at, status, error, durationMs }: DeliveryAttempt) {
  return { at, status, error, duration_ms: durationMs };
}
