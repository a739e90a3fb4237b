/** Webhook endpoints as an organisation's admins manage them. Every query is bound to one organisation. */
import type { Connection, Model } from 'mongoose';
import type { EventType } from '../../domain/events/event';
import { InvalidRowError, type RowIntegrity } from '../encryption/row-integrity';
import {
  type EndpointDocument,
  endpointCode,
  endpointModel,
  REPLACE_IT,
  toEndpoint,
  type WebhookEndpoint,
} from './webhook-endpoint-model';

export interface NewWebhookEndpoint {
  id: string;
  organisation: string;
  url: string;
  eventTypes: readonly EventType[];
  description: string | null;
  includeReconnectLink: boolean;
  sealedSecret: string;
}

export interface WebhookEndpointPatch {
  url?: string | undefined;
  eventTypes?: readonly EventType[] | undefined;
  description?: string | null | undefined;
  includeReconnectLink?: boolean | undefined;
}

/** How long to cache whether an organisation subscribes to an event type, in ms. */
const WANTED_MS = 5_000;

export class WebhookEndpoints {
  readonly #endpoints: Model<EndpointDocument>;
  readonly #wanted = new Map<string, { until: number; wanted: boolean }>();

  readonly #integrity: RowIntegrity;

  constructor(connection: Connection, integrity: RowIntegrity) {
    this.#endpoints = endpointModel(connection);
    this.#integrity = integrity;
  }

  async create(endpoint: NewWebhookEndpoint, now: Date): Promise<WebhookEndpoint> {
    const document = new this.#endpoints({
      _id: endpoint.id,
      organisation: endpoint.organisation,
      url: endpoint.url,
      event_types: [...endpoint.eventTypes],
      description: endpoint.description,
      include_reconnect_link: endpoint.includeReconnectLink,
      state: 'enabled',
      state_at: now,
      secrets: [{ sealed: endpoint.sealedSecret, created_at: now }],
      code: endpointCode(this.#integrity, {
        ...endpoint,
        eventTypes: [...endpoint.eventTypes],
        state: 'enabled',
      }),
    });
    await document.save();
    return this.#toEndpoint(document.toObject());
  }

  async find(organisation: string, id: string): Promise<WebhookEndpoint | null> {
    const document = await this.#endpoints
      .findOne({ organisation, _id: id })
      .lean<EndpointDocument>();
    return document === null ? null : this.#toEndpoint(document);
  }

  async list(organisation: string): Promise<WebhookEndpoint[]> {
    const documents = await this.#endpoints
      .find({ organisation })
      .sort({ _id: 1 })
      .lean<EndpointDocument[]>();
    return documents.map((document) => this.#toEndpoint(document));
  }

  /** @throws {InvalidRowError} */
  async patch(
    organisation: string,
    id: string,
    { url, eventTypes, description, includeReconnectLink }: WebhookEndpointPatch,
  ): Promise<WebhookEndpoint | null> {
    const set: Record<string, unknown> = {};
    // A new URL is another receiver; failures of the old one do not count against it.
    if (url !== undefined) Object.assign(set, { url, failures: 0, hold_until: null });
    if (eventTypes !== undefined) set['event_types'] = [...eventTypes];
    if (description !== undefined) set['description'] = description;
    if (includeReconnectLink !== undefined) set['include_reconnect_link'] = includeReconnectLink;
    return this.#change(organisation, id, set, {
      ...(url === undefined ? {} : { url }),
      ...(eventTypes === undefined ? {} : { eventTypes: [...eventTypes] }),
      ...(includeReconnectLink === undefined ? {} : { includeReconnectLink }),
    });
  }

  /**
   * Resets the failure count and the hold.
   * @throws {InvalidRowError}
   */
  async setState(
    organisation: string,
    id: string,
    state: 'enabled' | 'disabled',
    now: Date,
  ): Promise<WebhookEndpoint | null> {
    const reason = state === 'disabled' ? 'Disabled by an admin.' : null;
    const set = { state, state_reason: reason, state_at: now, failures: 0, hold_until: null };
    return this.#change(organisation, id, set, { state });
  }

  /**
   * Adds a new secret as the first. Older secrets sign alongside it until `overlapEndsAt`, or until their own earlier
   * expiry.
   * @throws {InvalidRowError}
   */
  async rotateSecret(
    endpoint: WebhookEndpoint,
    sealedSecret: string,
    { overlapEndsAt, now }: { overlapEndsAt: Date; now: Date },
  ): Promise<WebhookEndpoint | null> {
    requireValid(endpoint);
    const { organisation, id, secrets } = endpoint;
    const [newest] = secrets;
    const kept = secrets.flatMap(({ sealed, createdAt, expiresAt }) => {
      const end = expiresAt === null || expiresAt > overlapEndsAt ? overlapEndsAt : expiresAt;
      return end > now ? [{ sealed, created_at: createdAt, expires_at: end }] : [];
    });
    const document = await this.#endpoints
      .findOneAndUpdate(
        // Fails if another rotation replaced the newest secret in the meantime.
        { organisation, _id: id, 'secrets.0.sealed': newest?.sealed ?? '' },
        {
          $set: { secrets: [{ sealed: sealedSecret, created_at: now, expires_at: null }, ...kept] },
        },
        { returnDocument: 'after' },
      )
      .lean<EndpointDocument>();
    return document === null ? null : this.#toEndpoint(document);
  }

  async delete(organisation: string, id: string): Promise<boolean> {
    return (await this.#endpoints.deleteOne({ organisation, _id: id })).deletedCount === 1;
  }

  /** Whether an endpoint of the organisation subscribes to this event type. Cached for {@link WANTED_MS}. */
  async isWanted(organisation: string, type: EventType): Promise<boolean> {
    const key = `${organisation}/${type}`;
    const known = this.#wanted.get(key);
    const now = performance.now();
    if (known !== undefined && known.until > now) return known.wanted;
    const wanted =
      (await this.#endpoints.exists({ organisation, state: 'enabled', event_types: type })) !==
      null;
    this.#wanted.set(key, { until: now + WANTED_MS, wanted });
    return wanted;
  }

  /**
   * Writes members together with the new authentication code. The update compares the old code, so that no member it
   * covers can have changed in between.
   * @param changed the written members that the code covers
   */
  async #change(
    organisation: string,
    id: string,
    set: object,
    changed: Partial<
      Pick<WebhookEndpoint, 'url' | 'eventTypes' | 'state' | 'includeReconnectLink'>
    >,
  ): Promise<WebhookEndpoint | null> {
    const before = await this.find(organisation, id);
    if (before === null) return null;
    requireValid(before);
    const document = await this.#endpoints
      .findOneAndUpdate(
        { organisation, _id: id, code: endpointCode(this.#integrity, before) },
        { $set: { ...set, code: endpointCode(this.#integrity, { ...before, ...changed }) } },
        { returnDocument: 'after' },
      )
      .lean<EndpointDocument>();
    // The endpoint changed in between; apply the patch to its new state.
    return document === null
      ? this.#change(organisation, id, set, changed)
      : this.#toEndpoint(document);
  }

  #toEndpoint(document: EndpointDocument): WebhookEndpoint {
    return toEndpoint(document, this.#integrity);
  }
}

/** @throws {InvalidRowError} */
export function requireValid({ state }: WebhookEndpoint): void {
  if (state === 'invalid') throw new InvalidRowError(`Nothing was changed. ${REPLACE_IT}`);
}
