/** The processes that run on this database, with the ids and checks of their encryption keys, never the keys. */
import { type Connection, type InferSchemaType, type Model, Schema } from 'mongoose';

/**
 * How long after its last heartbeat a process counts as running, in ms. Six heartbeats: a busy process, or a short
 * outage of MongoDB, must not look like a crash.
 */
const GONE_AFTER_MS = 30_000;
const FORGOTTEN_AFTER_SECONDS = 3600;

const processSchema = new Schema(
  {
    _id: { type: String, required: true },
    name: { type: String, required: true },
    keys: {
      type: [new Schema({ id: String, check: String }, { _id: false })],
      required: true,
    },
    seals: { type: String, required: true },
    started_at: { type: Date, required: true },
    seen_at: { type: Date, required: true },
  },
  { collection: 'processes', strictQuery: 'throw', versionKey: false },
);
processSchema.index({ seen_at: 1 }, { name: 'gone', expireAfterSeconds: FORGOTTEN_AFTER_SECONDS });

type ProcessDocument = InferSchemaType<typeof processSchema> & { _id: string };

export interface AnnouncedProcess {
  id: string;
  /** For people: `worker 4711@host`. */
  name: string;
  /** From `KeyRing.keyChecks`. */
  keyChecks: ReadonlyMap<string, string>;
  sealingKeyId: string;
  startedAt: Date;
}

export interface SeenProcess extends AnnouncedProcess {
  seenAt: Date;
}

export class Processes {
  readonly #processes: Model<ProcessDocument>;

  constructor(connection: Connection) {
    this.#processes = connection.model<ProcessDocument>(
      'Process',
      processSchema as unknown as Schema<ProcessDocument>,
    );
  }

  /** Records a heartbeat and the process's keys, by the database's clock, because the processes' clocks may differ. */
  async announce(one: AnnouncedProcess): Promise<void> {
    await this.#processes.updateOne(
      { _id: one.id },
      {
        $set: {
          name: one.name,
          keys: [...one.keyChecks].map(([id, check]) => ({ id, check })),
          seals: one.sealingKeyId,
          started_at: one.startedAt,
        },
        $currentDate: { seen_at: true },
      },
      { upsert: true },
    );
  }

  async withdraw(id: string): Promise<void> {
    await this.#processes.deleteOne({ _id: id });
  }

  /** The processes with a recent heartbeat, relative to the newest one. */
  async living(): Promise<SeenProcess[]> {
    const documents = await this.#processes.find().sort({ name: 1 }).lean<ProcessDocument[]>();
    const newest = Math.max(...documents.map(({ seen_at }) => seen_at.getTime()));
    return documents
      .filter(({ seen_at }) => seen_at.getTime() > newest - GONE_AFTER_MS)
      .map((document) => ({
        id: document._id,
        name: document.name,
        keyChecks: new Map(document.keys.map(({ id, check }) => [id ?? '', check ?? ''])),
        sealingKeyId: document.seals,
        startedAt: document.started_at,
        seenAt: document.seen_at,
      }));
  }
}
