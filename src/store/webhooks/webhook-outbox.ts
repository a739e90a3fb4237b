/**
 * The webhook outbox: collects events where they occurred and turns them into deliveries, for workers, across
 * organisations. Every step is idempotent, also when two workers run it at once: ids are deterministic, and the record
 * of pending work is removed only after the work is done.
 */
import type { Connection, Model } from 'mongoose';
import {
  type DisabledReason,
  endpointDisabledEvent,
  type RaisedEvent,
} from '../../domain/events/event';
import type { DeliveryState } from '../../domain/events/webhook-delivery';
import { accountsOfAllOrganisations } from '../accounts/account-model';
import type { RowIntegrity } from '../encryption/row-integrity';
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
  endpointCode,
  endpointsOfAllOrganisations,
  toEndpoint,
  type WebhookEndpoint,
} from './webhook-endpoint-model';

/** The members shared by all documents in which events wait. */
interface Waiting {
  _id: string;
  unsent_events?: RaisedEvent[];
}

/** How long after its next attempt was due a silent workflow is started again, in ms. */
const SILENT_MAX_MS = 10 * 60_000;
const ATTEMPTS_MAX = 50;

export class WebhookOutbox {
  readonly #waiting: readonly Model<Waiting>[];
  readonly #endpoints: Model<EndpointDocument>;
  readonly #events: Model<EventDocument>;
  readonly #deliveries: Model<DeliveryDocument>;
  readonly #raise: (event: RaisedEvent) => Promise<void>;
  readonly #retentionDays: number;
  readonly #integrity: RowIntegrity;

  constructor(
    connection: Connection,
    events: Events,
    { retentionDays, integrity }: { retentionDays: number; integrity: RowIntegrity },
  ) {
    this.#endpoints = endpointsOfAllOrganisations(connection);
    this.#waiting = [
      accountsOfAllOrganisations(connection),
      this.#endpoints,
    ] as unknown as Model<Waiting>[];
    this.#events = eventsOfAllOrganisations(connection);
    this.#deliveries = deliveriesOfAllOrganisations(connection);
    this.#raise = (event) => events.raise(event);
    this.#retentionDays = retentionDays;
    this.#integrity = integrity;
  }

  /** Raises the events that wait in accounts and endpoints. Each is removed from there only after it is raised. */
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

  /** Writes one delivery per event and subscribed endpoint, oldest events first. */
  async dispatch(now: Date, limit: number): Promise<void> {
    const documents = await this.#events
      .find({ to_dispatch: true })
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
    return documents
      .map((document) => toEndpoint(document, this.#integrity))
      .filter(({ state }) => state === 'enabled');
  }

  /** Deliveries whose workflow is to be started now, longest overdue first. */
  async toStart(now: Date, limit: number): Promise<WebhookDelivery[]> {
    const documents = await this.#deliveries
      .find({ start_at: { $lte: now } })
      .sort({ start_at: 1 })
      .limit(limit)
      .lean<DeliveryDocument[]>();
    return documents.map(toDelivery);
  }

  /** The number of deliveries that are not over, up to `max`, and since when the first of them is to be started. */
  async backlog(now: Date, max: number): Promise<{ pending: number; unstartedSince: Date | null }> {
    const [pending, [first]] = await Promise.all([
      this.#deliveries.countDocuments({ start_at: { $exists: true } }, { limit: max }),
      this.toStart(now, 1),
    ]);
    return { pending, unstartedSince: first?.nextTryAt ?? null };
  }

  /** Records that the workflow runs. The delivery is started again only if the workflow then falls silent. */
  async started({ id }: WebhookDelivery, now: Date): Promise<void> {
    await this.#deliveries.updateOne(
      { _id: id, start_at: { $lte: now } },
      { $set: { start_at: new Date(now.getTime() + SILENT_MAX_MS) } },
    );
  }

  /** A delivery with an attempt's inputs; an endpoint or event that is gone or of another organisation is `null`. */
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
    const { organisation } = delivery;
    const isOwn = endpoint?.organisation === organisation;
    // Events of an OAuth app belong to no organisation and are delivered to all.
    const isOfDelivery = [organisation, null].includes(event?.organisation ?? null);
    return {
      delivery,
      endpoint: isOwn ? toEndpoint(endpoint, this.#integrity) : null,
      event: event !== null && isOfDelivery ? toEvent(event) : null,
    };
  }

  /**
   * Records the outcome of an attempt: the delivery is over, or is retried later.
   * @param attempt `null` if nothing was sent
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

  /** Concurrent attempts that fail together count as one failure. */
  async noteFailure({ id, failures }: WebhookEndpoint, holdUntil: Date): Promise<void> {
    await this.#endpoints.updateOne(
      { _id: id },
      { $set: { failures: failures + 1, hold_until: holdUntil } },
      { timestamps: false },
    );
  }

  /**
   * Disables an endpoint, and stores the event for it in the endpoint's document.
   * @returns whether the endpoint was enabled and unchanged since it was read
   */
  async disable(
    endpoint: WebhookEndpoint,
    { reason, message }: { reason: DisabledReason; message: string },
    now: Date,
  ): Promise<boolean> {
    const { id, organisation } = endpoint;
    const state = 'disabled';
    const code = endpointCode(this.#integrity, { ...endpoint, state });
    const { matchedCount } = await this.#endpoints.updateOne(
      // Only if unchanged since the attempt failed: an endpoint with a new URL is another receiver.
      { _id: id, state: 'enabled', code: endpointCode(this.#integrity, endpoint) },
      {
        $set: { state, state_reason: message, state_at: now, code },
        $push: { unsent_events: endpointDisabledEvent({ id, organisation }, reason, now) },
      },
    );
    return matchedCount === 1;
  }
}

function attemptDocument({ at, status, error, durationMs }: DeliveryAttempt) {
  return { at, status, error, duration_ms: durationMs };
}
