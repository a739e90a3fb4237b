/**
 * The OAuth app limiters, shared by all workers: one small document per app, changed by compare-and-set. All times are
 * the database's: every update returns its clock, so that workers with different clocks agree.
 */
import { type Connection, type InferSchemaType, type Model, Schema } from 'mongoose';
import { type AppLimiter, CIRCUIT_STATES, newAppLimiter } from '../../domain/limits/app-limiter';
import type { Evidence } from '../../domain/limits/incident-evidence';
import { isDuplicateKey } from '../mongo/database';

const failureSchema = new Schema(
  {
    class: { type: String, required: true },
    code: { type: String, required: true },
    message: { type: String, required: true },
    status: Number,
  },
  { _id: false },
);

const wordsSchema = new Schema(
  {
    text: { type: String, required: true },
    account_id: { type: String, required: true },
    organisation: { type: String, required: true },
    shared: { type: Boolean, required: true },
  },
  { _id: false },
);

const throttleSchema = new Schema(
  {
    organisation: { type: String, required: true },
    until: { type: Date, required: true },
    proven: { type: Boolean, required: true },
  },
  { _id: false },
);

const evidenceSchema = new Schema(
  {
    since: { type: Date, required: true },
    voters: { type: Number, required: true },
    failure: { type: failureSchema, required: true },
    failed: { type: [String], default: [] },
    served: { type: [String], default: [] },
    accounts: { type: Number, required: true },
    asked_since: { type: Date, default: null },
  },
  { _id: false },
);

const unansweredSchema = new Schema(
  {
    organisation: { type: String, required: true },
    proven: { type: Boolean, required: true },
    sent: { type: Number, required: true },
    at: { type: Date, required: true },
  },
  { _id: false },
);

const appLimiterSchema = new Schema(
  {
    _id: { type: String, required: true },
    provider: { type: String, required: true },
    environment: { type: String, required: true },
    version: { type: Number, required: true },
    state: { type: String, enum: CIRCUIT_STATES, required: true },
    since: { type: Date, default: null },
    failure: { type: failureSchema, default: null },
    words: { type: wordsSchema, default: null },
    next_probe_at: { type: Date, default: null },
    probes: { type: Number, default: 0 },
    probed_organisation: { type: String, default: null },
    throttled_until: { type: Date, default: null },
    throttles: { type: [throttleSchema], default: [] },
    app_evidence: { type: evidenceSchema, default: null },
    outage_evidence: { type: evidenceSchema, default: null },
    proven_at: { type: Date, default: null },
    unanswered: { type: [unansweredSchema], default: [] },
    recovered_at: { type: Date, default: null },
    next_slot_at: { type: Date, default: null },
    day: { type: String, required: true },
    used: { type: Number, default: 0 },
    /** The database's clock at the last change. */
    changed_at: { type: Date },
  },
  { collection: 'app_limiters', strictQuery: 'throw', versionKey: false },
);

type AppLimiterDocument = InferSchemaType<typeof appLimiterSchema> & { _id: string };

export interface AppName {
  provider: string;
  environment: string;
}

/** Updates with a longer round trip, in ms, are too imprecise to correct the clock offset. */
const CLOCK_ROUND_TRIP_MAX_MS = 250;

export class AppLimiters {
  readonly #limiters: Model<AppLimiterDocument>;
  /** The limiters as last read here. Each change first assumes that they are current. */
  readonly #seen = new Map<string, AppLimiter>();
  #aheadMs: number | null = null;

  constructor(connection: Connection) {
    this.#limiters = connection.model<AppLimiterDocument>(
      'AppLimiter',
      appLimiterSchema as unknown as Schema<AppLimiterDocument>,
    );
  }

  /** The estimated time of the database's clock; the process's own clock until the first update. */
  now(): Date {
    return new Date(Date.now() + (this.#aheadMs ?? 0));
  }

  /**
   * Changes a limiter by compare-and-set, retrying on conflict. Writes nothing if `decide` returns its argument, which
   * was then read from the database in this call.
   * @param decide may be called again, with the limiter as another worker changed it
   */
  async change(
    name: AppName,
    decide: (limiter: AppLimiter, now: Date) => AppLimiter,
  ): Promise<AppLimiter> {
    let read = !this.#seen.has(idOf(name)) || this.#aheadMs === null;
    let limiter = read ? await this.#open(name) : (this.#seen.get(idOf(name)) as AppLimiter);
    for (;;) {
      const next = decide(limiter, this.now());
      if (next === limiter && read) return limiter;
      const changed = next === limiter ? null : await this.#replace(limiter, next);
      if (changed !== null) return changed;
      limiter = await this.#read(name);
      read = true;
    }
  }

  /** The limiters of a provider, or of all providers, whose apps have sent a request. */
  async list(provider?: string): Promise<AppLimiter[]> {
    const documents = await this.#limiters
      .find(provider === undefined ? {} : { provider })
      .lean<AppLimiterDocument[]>();
    return documents.map(toAppLimiter);
  }

  async find({ provider, environment }: AppName): Promise<AppLimiter | null> {
    const document = await this.#limiters
      .findById(idOf({ provider, environment }))
      .lean<AppLimiterDocument>();
    return document === null ? null : toAppLimiter(document);
  }

  async #replace(limiter: AppLimiter, next: AppLimiter): Promise<AppLimiter | null> {
    const sentAt = Date.now();
    const document = await this.#limiters
      .findOneAndUpdate(
        { _id: idOf(limiter), version: limiter.version },
        {
          $set: fromAppLimiter({ ...next, version: limiter.version + 1 }),
          $currentDate: { changed_at: true },
        },
        { returnDocument: 'after' },
      )
      .lean<AppLimiterDocument>();
    if (document === null) return null;
    this.#setClock(document, sentAt);
    return this.#see(document);
  }

  async #read(name: AppName): Promise<AppLimiter> {
    const document = await this.#limiters.findById(idOf(name)).lean<AppLimiterDocument>();
    return document === null ? this.#open(name) : this.#see(document);
  }

  /** Creates the limiter if there is none, and reads the database's clock. */
  async #open(name: AppName): Promise<AppLimiter> {
    const { _id, ...fresh } = {
      _id: idOf(name),
      ...fromAppLimiter(newAppLimiter(name.provider, name.environment, this.now())),
    };
    const sentAt = Date.now();
    try {
      const document = await this.#limiters
        .findOneAndUpdate(
          { _id },
          { $setOnInsert: fresh, $currentDate: { changed_at: true } },
          { upsert: true, returnDocument: 'after', setDefaultsOnInsert: false },
        )
        .lean<AppLimiterDocument>();
      if (document !== null) {
        this.#setClock(document, sentAt);
        return this.#see(document);
      }
    } catch (error) {
      // Another worker created it at the same moment.
      if (!isDuplicateKey(error)) throw error;
    }
    return this.#read(name);
  }

  #setClock({ changed_at: changedAt }: AppLimiterDocument, sentAt: number): void {
    const roundTripMs = Date.now() - sentAt;
    if (!changedAt || (this.#aheadMs !== null && roundTripMs > CLOCK_ROUND_TRIP_MAX_MS)) return;
    this.#aheadMs = changedAt.getTime() - (sentAt + roundTripMs / 2);
  }

  #see(document: AppLimiterDocument): AppLimiter {
    const limiter = toAppLimiter(document);
    this.#seen.set(document._id, limiter);
    return limiter;
  }
}

function idOf({ provider, environment }: AppName): string {
  return `${provider}/${environment}`;
}

function fromEvidence({ askedSince, ...evidence }: Evidence) {
  return {
    ...evidence,
    failed: [...evidence.failed],
    served: [...evidence.served],
    asked_since: askedSince,
  };
}

function toEvidence({
  asked_since: askedSince,
  ...evidence
}: NonNullable<AppLimiterDocument['app_evidence']>): Evidence {
  const failure = evidence.failure as Evidence['failure'];
  return { ...evidence, failure, askedSince: askedSince ?? null };
}

function fromAppLimiter(limiter: AppLimiter) {
  return {
    provider: limiter.provider,
    environment: limiter.environment,
    version: limiter.version,
    state: limiter.state,
    since: limiter.since,
    failure: limiter.failure,
    words: limiter.words && {
      text: limiter.words.text,
      account_id: limiter.words.accountId,
      organisation: limiter.words.organisation,
      shared: limiter.words.isShared,
    },
    next_probe_at: limiter.nextProbeAt,
    probes: limiter.probes,
    probed_organisation: limiter.probedOrganisation,
    throttled_until: limiter.throttledUntil,
    throttles: limiter.throttles.map(({ organisation, until, isProven }) => ({
      organisation,
      until,
      proven: isProven,
    })),
    app_evidence: limiter.evidence.app && fromEvidence(limiter.evidence.app),
    outage_evidence: limiter.evidence.outage && fromEvidence(limiter.evidence.outage),
    proven_at: limiter.provenAt,
    unanswered: limiter.unanswered.map(({ organisation, isProven, sent, at }) => ({
      organisation,
      proven: isProven,
      sent,
      at,
    })),
    recovered_at: limiter.recoveredAt,
    next_slot_at: limiter.nextSlotAt,
    day: limiter.day,
    used: limiter.used,
  };
}

function toAppLimiter(document: AppLimiterDocument): AppLimiter {
  return {
    provider: document.provider,
    environment: document.environment,
    version: document.version,
    state: document.state,
    since: document.since ?? null,
    failure: (document.failure ?? null) as AppLimiter['failure'],
    words: document.words
      ? {
          text: document.words.text,
          accountId: document.words.account_id,
          organisation: document.words.organisation,
          isShared: document.words.shared,
        }
      : null,
    nextProbeAt: document.next_probe_at ?? null,
    probes: document.probes,
    probedOrganisation: document.probed_organisation ?? null,
    throttledUntil: document.throttled_until ?? null,
    throttles: document.throttles.map(({ organisation, until, proven }) => ({
      organisation,
      until,
      isProven: proven,
    })),
    evidence: {
      app: document.app_evidence ? toEvidence(document.app_evidence) : null,
      outage: document.outage_evidence ? toEvidence(document.outage_evidence) : null,
    },
    provenAt: document.proven_at ?? null,
    unanswered: document.unanswered.map(({ organisation, proven, sent, at }) => ({
      organisation,
      isProven: proven,
      sent,
      at,
    })),
    recoveredAt: document.recovered_at ?? null,
    nextSlotAt: document.next_slot_at ?? null,
    day: document.day,
    used: document.used,
  };
}
