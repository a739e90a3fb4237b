/** API keys: stored as a hash, found by a public id, bound to one organisation and its scopes. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Connection, type InferSchemaType, type Model, Schema } from 'mongoose';
import { scopedToOrganisation } from './organisation-scope';

export const SCOPES = ['admin', 'read', 'tokens', 'internal'] as const;
export type Scope = (typeof SCOPES)[number];

/** Who is asking, and what they may. */
export interface Principal {
  keyId: string;
  organisation: string;
  scopes: readonly Scope[];
}

export interface ApiKey extends Principal {
  name: string;
  createdAt: Date;
}

const keySchema = new Schema(
  {
    _id: { type: String, required: true },
    organisation: { type: String, required: true },
    name: { type: String, required: true },
    scopes: { type: [String], required: true },
    secret_sha256: { type: String, required: true },
    created_at: { type: Date, required: true },
  },
  { collection: 'api_keys', strictQuery: 'throw', versionKey: false },
);
keySchema.index({ organisation: 1, _id: 1 }, { name: 'listing' });

const scopedSchema = scopedToOrganisation(keySchema);

type KeyDocument = InferSchemaType<typeof keySchema> & { _id: string };

/** `evg_<id>_<secret>`: the id finds the record without a secret-dependent search. */
const KEY_FORM = /^evg_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;

export class ApiKeys {
  readonly #keys: Model<KeyDocument>;
  /** To find out whose a key is; for nothing else. */
  readonly #ofAll: Model<KeyDocument>;

  constructor(connection: Connection) {
    this.#keys = connection.model<KeyDocument>(
      'ApiKey',
      scopedSchema as unknown as Schema<KeyDocument>,
    );
    this.#ofAll = connection.model<KeyDocument>(
      'ApiKeyOfAnyOrganisation',
      keySchema as unknown as Schema<KeyDocument>,
    );
  }

  /** Creates a key. Its text is in the answer and nowhere else, ever. */
  async create(
    input: { organisation: string; name: string; scopes: readonly Scope[] },
    now: Date,
  ): Promise<{ key: ApiKey; text: string }> {
    const keyId = randomBytes(8).toString('hex');
    // 256 bits from the system's generator: a plain hash is enough, there is nothing to guess.
    const secret = randomBytes(32).toString('base64url');
    await this.#keys.create([
      {
        _id: keyId,
        organisation: input.organisation,
        name: input.name,
        scopes: [...input.scopes],
        secret_sha256: sha256(secret).toString('hex'),
        created_at: now,
      },
    ]);
    return { key: { keyId, ...input, createdAt: now }, text: `evg_${keyId}_${secret}` };
  }

  /** The key's owner, or `null` for a text that is no key of ours. */
  async verify(text: string): Promise<Principal | null> {
    const match = KEY_FORM.exec(text);
    if (match === null) return null;
    const [, keyId = '', secret = ''] = match;
    const document = await this.#ofAll.findById(keyId).lean<KeyDocument>();
    // Compared even where there is no such key, so that both refusals take the same time.
    const expected = Buffer.from(document?.secret_sha256 ?? '0'.repeat(64), 'hex');
    const equal = timingSafeEqual(sha256(secret), expected);
    return equal && document !== null ? toKey(document) : null;
  }

  /** The key as it is now, or `null` once it is revoked. */
  async find(organisation: string, keyId: string): Promise<ApiKey | null> {
    const document = await this.#keys.findOne({ _id: keyId, organisation }).lean<KeyDocument>();
    return document === null ? null : toKey(document);
  }

  async list(organisation: string): Promise<ApiKey[]> {
    return (await this.#keys.find({ organisation }).sort({ _id: 1 }).lean<KeyDocument[]>()).map(
      toKey,
    );
  }

  async revoke(organisation: string, keyId: string): Promise<boolean> {
    return (await this.#keys.deleteOne({ organisation, _id: keyId })).deletedCount === 1;
  }

  async hasAdmin(organisation: string): Promise<boolean> {
    return (await this.#keys.exists({ organisation, scopes: 'admin' })) !== null;
  }

  async createIndexes(): Promise<void> {
    await this.#keys.createIndexes();
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function toKey(document: KeyDocument): ApiKey {
  return {
    keyId: document._id,
    organisation: document.organisation,
    name: document.name,
    scopes: document.scopes.filter((scope): scope is Scope =>
      SCOPES.some((known) => known === scope),
    ),
    createdAt: document.created_at,
  };
}
