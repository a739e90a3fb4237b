/** API keys: stored as a hash, found by a public id, bound to one organisation and its scopes. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Connection, type InferSchemaType, type Model, Schema } from 'mongoose';
import type { AccountBounds } from '../../domain/access/account-bounds';
import type { Principal, Scope } from '../../domain/access/principal';
import { SCOPES } from '../../domain/access/principal';
import { momentOf, type RowIntegrity } from '../encryption/row-integrity';
import { scopedToOrganisation } from '../mongo/organisation-scope';

/** `invalid`: the row was not written by Evergrant or was changed since. The key is refused and has no scopes. */
export const KEY_STATUSES = ['valid', 'invalid'] as const;

export interface ApiKey extends Principal {
  name: string;
  status: (typeof KEY_STATUSES)[number];
  createdAt: Date;
}

const boundsSchema = new Schema(
  {
    providers: { type: [String], default: null },
    kinds: { type: [String], default: null },
    accounts: { type: [String], default: null },
  },
  { _id: false },
);

const keySchema = new Schema(
  {
    _id: { type: String, required: true },
    organisation: { type: String, required: true },
    name: { type: String, required: true },
    scopes: { type: [String], required: true },
    secret_sha256: { type: String, required: true },
    created_at: { type: Date, required: true },
    /** Absent: the key is not restricted to some accounts. */
    bounds: { type: boundsSchema, default: undefined },
    /** Authentication code over all other members; see `row-integrity.ts`. */
    code: { type: String, required: true },
  },
  { collection: 'api_keys', strictQuery: 'throw', versionKey: false },
);
keySchema.index({ organisation: 1, _id: 1 }, { name: 'listing' });

const scopedSchema = scopedToOrganisation(keySchema);

type KeyDocument = InferSchemaType<typeof keySchema> & { _id: string };

/** `evg_<id>_<secret>`: the id finds the record without a secret-dependent search. */
const KEY_FORM = /^evg_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;

/** The public id in an API key, or `null` if the text does not have a key's form. */
export function publicIdOf(text: string): string | null {
  return KEY_FORM.exec(text)?.[1] ?? null;
}

export class ApiKeys {
  readonly #keys: Model<KeyDocument>;
  /** Reads across organisations. Used only by `verify`, which does not know the organisation yet. */
  readonly #ofAll: Model<KeyDocument>;
  readonly #integrity: RowIntegrity;

  constructor(connection: Connection, integrity: RowIntegrity) {
    this.#integrity = integrity;
    this.#keys = connection.model<KeyDocument>(
      'ApiKey',
      scopedSchema as unknown as Schema<KeyDocument>,
    );
    this.#ofAll = connection.model<KeyDocument>(
      'ApiKeyOfAnyOrganisation',
      keySchema as unknown as Schema<KeyDocument>,
    );
  }

  /** Creates a key. The key text is returned once and is not stored. */
  async create(
    input: {
      organisation: string;
      name: string;
      scopes: readonly Scope[];
      bounds?: AccountBounds | undefined;
    },
    now: Date,
  ): Promise<{ key: ApiKey; text: string }> {
    const keyId = randomBytes(8).toString('hex');
    // 256 random bits cannot be guessed, so a plain hash is enough.
    const secret = randomBytes(32).toString('base64url');
    const row = {
      _id: keyId,
      organisation: input.organisation,
      name: input.name,
      scopes: [...input.scopes],
      secret_sha256: sha256(secret).toString('hex'),
      created_at: now,
      ...(input.bounds === undefined ? {} : { bounds: fromBounds(input.bounds) }),
    };
    const code = this.#integrity.codeOf('api_key', membersOf(row));
    await this.#keys.create([{ ...row, code }]);
    const key: ApiKey = { keyId, ...input, status: 'valid', createdAt: now };
    return { key, text: `evg_${keyId}_${secret}` };
  }

  /** The owner of the key, or `null` if the key is unknown or its row is invalid. */
  async verify(text: string): Promise<Principal | null> {
    const match = KEY_FORM.exec(text);
    if (match === null) return null;
    const [, keyId = '', secret = ''] = match;
    const document = await this.#ofAll.findById(keyId).lean<KeyDocument>();
    // Compares a digest even if the key does not exist, so that both refusals take the same time.
    const expected = Buffer.from(String(document?.secret_sha256), 'hex');
    const digest = sha256(secret);
    const equal = timingSafeEqual(digest, expected.length === digest.length ? expected : NO_DIGEST);
    return equal && document !== null && this.#isValid(document) ? toKey(document) : null;
  }

  /** The current key, or `null` if it is revoked or its row is invalid. */
  async find(organisation: string, keyId: string): Promise<ApiKey | null> {
    const document = await this.#keys.findOne({ _id: keyId, organisation }).lean<KeyDocument>();
    return document !== null && this.#isValid(document) ? toKey(document) : null;
  }

  async list(organisation: string): Promise<ApiKey[]> {
    const documents = await this.#keys
      .find({ organisation })
      .sort({ _id: 1 })
      .lean<KeyDocument[]>();
    return documents.map((document) =>
      this.#isValid(document) ? toKey(document) : toInvalidKey(document),
    );
  }

  /**
   * Adds scopes to a key.
   * @returns the current key; `null` if the organisation has no such key; `changed` if another caller changed it
   * meanwhile
   */
  async grant(
    organisation: string,
    keyId: string,
    added: readonly Scope[],
  ): Promise<ApiKey | null | 'changed'> {
    const row = await this.#keys.findOne({ _id: keyId, organisation }).lean<KeyDocument>();
    if (row === null || !this.#isValid(row)) return null;
    const scopes = SCOPES.filter((scope) => row.scopes.includes(scope) || added.includes(scope));
    const code = this.#integrity.codeOf('api_key', membersOf({ ...row, scopes }));
    const { matchedCount } = await this.#keys.updateOne(
      { _id: keyId, organisation, code: row.code },
      { $set: { scopes, code } },
    );
    return matchedCount === 1 ? toKey({ ...row, scopes }) : 'changed';
  }

  async revoke(organisation: string, keyId: string): Promise<boolean> {
    return (await this.#keys.deleteOne({ organisation, _id: keyId })).deletedCount === 1;
  }

  async hasAdmin(organisation: string): Promise<boolean> {
    const admins = this.#keys.find({ organisation, scopes: 'admin' }).lean<KeyDocument[]>();
    for await (const document of admins.cursor()) if (this.#isValid(document)) return true;
    return false;
  }

  #isValid(document: KeyDocument): boolean {
    const { _id: id, organisation, code } = document;
    return this.#integrity.isValid({ row: 'api_key', id, organisation }, membersOf(document), code);
  }
}

/** Stands in for the stored digest of an unknown key. */
const NO_DIGEST = Buffer.alloc(32);

/** The members that the authentication code covers: everything the row grants. */
function membersOf(row: Omit<KeyDocument, 'code' | 'bounds'> & { bounds?: unknown }): unknown[] {
  const { _id, organisation, name, scopes, secret_sha256, created_at, bounds } = row;
  // A string in place of the date must not produce the same code.
  const createdAtMs = created_at instanceof Date ? created_at.getTime() : null;
  const members = [_id, organisation, name, scopes, secret_sha256, createdAtMs];
  // Rows without bounds have the code that rows had before bounds existed.
  return bounds === undefined || bounds === null ? members : [...members, boundMembers(bounds)];
}

/** A list each, in a fixed order, because MongoDB does not keep the order of an object's members in every update. */
function boundMembers(bounds: unknown): unknown[] {
  const {
    providers = null,
    kinds = null,
    accounts = null,
  } = Object(bounds) as Partial<Record<keyof AccountBounds, unknown>>;
  return [providers, kinds, accounts];
}

function fromBounds({ providers, kinds, accounts }: AccountBounds) {
  return {
    providers: providers === null ? null : [...providers],
    kinds: kinds === null ? null : [...kinds],
    accounts: accounts === null ? null : [...accounts],
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function toKey(document: KeyDocument): ApiKey {
  return {
    keyId: document._id,
    organisation: document.organisation,
    name: document.name,
    status: 'valid',
    scopes: document.scopes.filter((scope): scope is Scope =>
      SCOPES.some((known) => known === scope),
    ),
    ...(document.bounds ? { bounds: toBounds(document.bounds) } : {}),
    createdAt: document.created_at,
  };
}

function toBounds({ providers, kinds, accounts }: NonNullable<KeyDocument['bounds']>) {
  return { providers: providers ?? null, kinds: kinds ?? null, accounts: accounts ?? null };
}

/** A row that fails the check may have missing members or members of the wrong type. */
function toInvalidKey(row: { [Member in keyof KeyDocument]: unknown }): ApiKey {
  const { _id, organisation, name, created_at } = row;
  return {
    keyId: String(_id),
    organisation: String(organisation),
    name: String(name),
    status: 'invalid',
    scopes: [],
    createdAt: momentOf(created_at),
  };
}
