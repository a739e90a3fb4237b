/** Webhook endpoints as an organisation's admins handle them. Every query is bound to one organisation. */
import type { Connection, Model } from 'mongoose';
import type { EventType } from '../domain/event';
import {
  type EndpointDocument,
  endpointModel,
  toEndpoint,
  type WebhookEndpoint,
} from './webhook-endpoint-model';

export interface NewWebhookEndpoint {
  id: string;
  organisation: string;
  url: string;
  eventTypes: readonly EventType[];
  description: string | null;
  sealedSecret: string;
}

export interface WebhookEndpointPatch {
  url?: string | undefined;
  eventTypes?: readonly EventType[] | undefined;
  description?: string | null | undefined;
}

/** So long it is remembered whether an organisation asks for a type of event. */
const WANTED_MS = 5_000;

export class WebhookEndpoints {
  readonly #endpoints: Model<EndpointDocument>;
  readonly #wanted = new Map<string, { until: number; wanted: boolean }>();

  constructor(connection: Connection) {
    this.#endpoints = endpointModel(connection);
  }

  async create(endpoint: NewWebhookEndpoint, now: Date): Promise<WebhookEndpoint> {
    const document = new this.#endpoints({
      _id: endpoint.id,
      organisation: endpoint.organisation,
      url: endpoint.url,
      event_types: [...endpoint.eventTypes],
      description: endpoint.description,
      state: 'enabled',
      state_at: now,
      secrets: [{ sealed: endpoint.sealedSecret, created_at: now }],
    });
    await document.save();
    return toEndpoint(document.toObject());
  }

  async find(organisation: string, id: string): Promise<WebhookEndpoint | null> {
    const document = await this.#endpoints
      .findOne({ organisation, _id: id })
      .lean<EndpointDocument>();
    return document === null ? null : toEndpoint(document);
  }

  async list(organisation: string): Promise<WebhookEndpoint[]> {
    const documents = await this.#endpoints
      .find({ organisation })
      .sort({ _id: 1 })
      .lean<EndpointDocument[]>();
    return documents.map(toEndpoint);
  }

  async patch(
    organisation: string,
    id: string,
    patch: WebhookEndpointPatch,
  ): Promise<WebhookEndpoint | null> {
    const set: Record<string, unknown> = {};
    // Another receiver: what the old one did is not held against it.
    if (patch.url !== undefined)
      Object.assign(set, { url: patch.url, failures: 0, hold_until: null });
    if (patch.eventTypes !== undefined) set['event_types'] = [...patch.eventTypes];
    if (patch.description !== undefined) set['description'] = patch.description;
    return this.#update(organisation, id, { $set: set });
  }

  /** Enabling forgets what went wrong before. */
  async setState(
    organisation: string,
    id: string,
    state: WebhookEndpoint['state'],
    now: Date,
  ): Promise<WebhookEndpoint | null> {
    const reason = state === 'disabled' ? 'Disabled by an admin.' : null;
    return this.#update(organisation, id, {
      $set: { state, state_reason: reason, state_at: now, failures: 0, hold_until: null },
    });
  }

  /**
   * Puts a new secret in front; those before it sign beside it until `overlapEndsAt`, and one that was replaced earlier
   * keeps its own end.
   */
  async rotateSecret(
    endpoint: WebhookEndpoint,
    sealedSecret: string,
    { overlapEndsAt, now }: { overlapEndsAt: Date; now: Date },
  ): Promise<WebhookEndpoint | null> {
    const { organisation, id, secrets } = endpoint;
    const [newest] = secrets;
    const kept = secrets.flatMap(({ sealed, createdAt, expiresAt }) => {
      const end = expiresAt === null || expiresAt > overlapEndsAt ? overlapEndsAt : expiresAt;
      return end > now ? [{ sealed, created_at: createdAt, expires_at: end }] : [];
    });
    const document = await this.#endpoints
      .findOneAndUpdate(
        // Of two rotations at once the second one is to see the first.
        { organisation, _id: id, 'secrets.0.sealed': newest?.sealed ?? '' },
        {
          $set: { secrets: [{ sealed: sealedSecret, created_at: now, expires_at: null }, ...kept] },
        },
        { returnDocument: 'after' },
      )
      .lean<EndpointDocument>();
    return document === null ? null : toEndpoint(document);
  }

  async delete(organisation: string, id: string): Promise<boolean> {
    return (await this.#endpoints.deleteOne({ organisation, _id: id })).deletedCount === 1;
  }

  /** Whether some endpoint of the organisation asks for a type; as it was at most five seconds ago. */
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

  async createIndexes(): Promise<void> {
    await this.#endpoints.createIndexes();
  }

  async #update(organisation: string, id: string, update: object): Promise<WebhookEndpoint | null> {
    const document = await this.#endpoints
      .findOneAndUpdate({ organisation, _id: id }, update, { returnDocument: 'after' })
      .lean<EndpointDocument>();
    return document === null ? null : toEndpoint(document);
  }
}
