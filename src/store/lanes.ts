/**
 * The lanes as all workers share them: one small document each, changed by one conditional update at a time. Time is the
 * database's: every update brings its clock along, so that workers whose own clocks differ keep to the same moments.
 */
import { type Connection, type InferSchemaType, type Model, Schema } from 'mongoose';
import { LANE_STATES, type Lane, newLane } from '../domain/lane';
import { isDuplicateKey } from './database';

const failureSchema = new Schema(
  {
    class: { type: String, required: true },
    code: { type: String, required: true },
    message: { type: String, required: true },
    status: Number,
  },
  { _id: false },
);

const laneSchema = new Schema(
  {
    _id: { type: String, required: true },
    provider: { type: String, required: true },
    environment: { type: String, required: true },
    version: { type: Number, required: true },
    state: { type: String, enum: LANE_STATES, required: true },
    since: { type: Date, default: null },
    failure: { type: failureSchema, default: null },
    next_probe_at: { type: Date, default: null },
    probes: { type: Number, default: 0 },
    throttled_until: { type: Date, default: null },
    failing: { type: [String], default: [] },
    suspects: { type: [String], default: [] },
    proven_at: { type: Date, default: null },
    unproven: { type: Number, default: 0 },
    unproven_at: { type: Date, default: null },
    reopened_at: { type: Date, default: null },
    next_slot_at: { type: Date, default: null },
    day: { type: String, required: true },
    used: { type: Number, default: 0 },
    /** The database's clock at the last change. */
    changed_at: { type: Date },
  },
  { collection: 'lanes', strictQuery: 'throw', versionKey: false },
);

type LaneDocument = InferSchemaType<typeof laneSchema> & { _id: string };

/** One OAuth app. */
export interface LaneName {
  provider: string;
  environment: string;
}

/** An answer that took longer says too little of when it was given. */
const CLOCK_ROUND_TRIP_MAX_MS = 250;

export class Lanes {
  readonly #lanes: Model<LaneDocument>;
  /** As last seen here: the version that the next change is tried on. */
  readonly #seen = new Map<string, Lane>();
  #aheadMs: number | null = null;

  constructor(connection: Connection) {
    this.#lanes = connection.model<LaneDocument>(
      'Lane',
      laneSchema as unknown as Schema<LaneDocument>,
    );
  }

  /** The time by the database's clock, as near as it is known; this process's own until a lane was changed. */
  now(): Date {
    return new Date(Date.now() + (this.#aheadMs ?? 0));
  }

  /**
   * Changes a lane: one update where nobody else changed it meanwhile. Nothing is written where the decision answers
   * the lane it was given; then that was read just now.
   * @param decide may be called again, with what another worker made of the lane
   */
  async change(name: LaneName, decide: (lane: Lane, now: Date) => Lane): Promise<Lane> {
    let read = !this.#seen.has(idOf(name)) || this.#aheadMs === null;
    let lane = read ? await this.#open(name) : (this.#seen.get(idOf(name)) as Lane);
    for (;;) {
      const next = decide(lane, this.now());
      if (next === lane && read) return lane;
      const changed = next === lane ? null : await this.#replace(lane, next);
      if (changed !== null) return changed;
      lane = await this.#read(name);
      read = true;
    }
  }

  /** The lanes of a provider, or all, that anything was ever sent on. */
  async list(provider?: string): Promise<Lane[]> {
    const documents = await this.#lanes
      .find(provider === undefined ? {} : { provider })
      .lean<LaneDocument[]>();
    return documents.map(toLane);
  }

  async find({ provider, environment }: LaneName): Promise<Lane | null> {
    const document = await this.#lanes
      .findById(idOf({ provider, environment }))
      .lean<LaneDocument>();
    return document === null ? null : toLane(document);
  }

  async #replace(lane: Lane, next: Lane): Promise<Lane | null> {
    const sentAt = Date.now();
    const document = await this.#lanes
      .findOneAndUpdate(
        { _id: idOf(lane), version: lane.version },
        {
          $set: fromLane({ ...next, version: lane.version + 1 }),
          $currentDate: { changed_at: true },
        },
        { returnDocument: 'after' },
      )
      .lean<LaneDocument>();
    if (document === null) return null;
    this.#setClock(document, sentAt);
    return this.#see(document);
  }

  async #read(name: LaneName): Promise<Lane> {
    const document = await this.#lanes.findById(idOf(name)).lean<LaneDocument>();
    return document === null ? this.#open(name) : this.#see(document);
  }

  /** Makes the lane where there is none, and learns the database's clock. */
  async #open(name: LaneName): Promise<Lane> {
    const { _id, ...fresh } = {
      _id: idOf(name),
      ...fromLane(newLane(name.provider, name.environment, this.now())),
    };
    const sentAt = Date.now();
    try {
      const document = await this.#lanes
        .findOneAndUpdate(
          { _id },
          { $setOnInsert: fresh, $currentDate: { changed_at: true } },
          { upsert: true, returnDocument: 'after', setDefaultsOnInsert: false },
        )
        .lean<LaneDocument>();
      if (document !== null) {
        this.#setClock(document, sentAt);
        return this.#see(document);
      }
    } catch (error) {
      // Another worker made it in the same moment.
      if (!isDuplicateKey(error)) throw error;
    }
    return this.#read(name);
  }

  #setClock({ changed_at: changedAt }: LaneDocument, sentAt: number): void {
    const roundTripMs = Date.now() - sentAt;
    if (!changedAt || (this.#aheadMs !== null && roundTripMs > CLOCK_ROUND_TRIP_MAX_MS)) return;
    this.#aheadMs = changedAt.getTime() - (sentAt + roundTripMs / 2);
  }

  #see(document: LaneDocument): Lane {
    const lane = toLane(document);
    this.#seen.set(document._id, lane);
    return lane;
  }
}

function idOf({ provider, environment }: LaneName): string {
  return `${provider}/${environment}`;
}

function fromLane(lane: Lane) {
  return {
    provider: lane.provider,
    environment: lane.environment,
    version: lane.version,
    state: lane.state,
    since: lane.since,
    failure: lane.failure,
    next_probe_at: lane.nextProbeAt,
    probes: lane.probes,
    throttled_until: lane.throttledUntil,
    failing: [...lane.failing],
    suspects: [...lane.suspects],
    proven_at: lane.provenAt,
    unproven: lane.unproven,
    unproven_at: lane.unprovenAt,
    reopened_at: lane.reopenedAt,
    next_slot_at: lane.nextSlotAt,
    day: lane.day,
    used: lane.used,
  };
}

function toLane(document: LaneDocument): Lane {
  return {
    provider: document.provider,
    environment: document.environment,
    version: document.version,
    state: document.state,
    since: document.since ?? null,
    failure: (document.failure ?? null) as Lane['failure'],
    nextProbeAt: document.next_probe_at ?? null,
    probes: document.probes,
    throttledUntil: document.throttled_until ?? null,
    failing: document.failing,
    suspects: document.suspects,
    provenAt: document.proven_at ?? null,
    unproven: document.unproven,
    unprovenAt: document.unproven_at ?? null,
    reopenedAt: document.reopened_at ?? null,
    nextSlotAt: document.next_slot_at ?? null,
    day: document.day,
    used: document.used,
  };
}
