/**
 * All encrypted values in the database: counted by key, read in pages and replaced, for any kind of record. A new
 * collection with encrypted values must be added to the list here, so that key rotation covers it.
 */
import type { Connection, mongo } from 'mongoose';
import { NO_GENERATION } from '../../domain/account/grant';
import type { KeyPurpose } from '../../vault/key-ring';
import {
  ENVELOPE_PREFIX,
  type GrantContext,
  type SealingContext,
  sealingKeyOf,
} from '../../vault/sealing';
import { CANARY_PLACE } from '../../vault/vault';
import { type Counted, idRanges, type Recount, type StoredCounts } from '../mongo/stored-counts';

interface SealedCollection {
  name: string;
  /** Filter for the documents that hold encrypted values; all if absent. */
  only?: Record<string, string>;
  members: readonly SealedMember[];
  /** The key purpose of the values; `token` if absent. */
  purpose?: KeyPurpose;
  /** The rest of the context that a document's values are encrypted for. */
  place: (document: StoredDocument) => Pick<SealingContext, 'organisation' | 'account'>;
}

/** A member that holds an encrypted value, also inside arrays. */
interface SealedMember {
  path: string;
  field: string | ((document: StoredDocument) => string);
  /** For tokens: the generation in the encryption context, from the document and the value's sibling members. */
  generation?: (document: StoredDocument, beside: Record<string, unknown>) => unknown;
  /** The account in the encryption context, if it differs from the collection's. */
  account?: (document: StoredDocument) => string;
}

const SEALED_COLLECTIONS: readonly SealedCollection[] = [
  {
    name: 'accounts',
    members: [
      ...grantMembers('current', ({ generation }) => generation),
      ...['previous', 'orphaned_grants', 'candidate.grant', 'replaced.grant'].flatMap((path) =>
        grantMembers(path, (_, { generation }) => generation),
      ),
      {
        path: 'fallback.access_token',
        field: 'fallback_access_token',
        generation: () => NO_GENERATION,
      },
      { path: 'owner_email.sealed', field: 'owner_email' },
    ],
    place: ({ _id, organisation }) => ({ organisation: String(organisation), account: _id }),
  },
  {
    name: 'connect_sessions',
    members: [
      {
        path: 'leg.sealed_verifier',
        field: 'connect_verifier',
        account: ({ _id }) => _id,
      },
      ...grantMembers('pending.grant', (_, { generation }) => generation),
    ],
    place: ({ organisation, account_id }) => ({
      organisation: String(organisation),
      account: String(account_id),
    }),
  },
  {
    name: 'webhook_endpoints',
    members: [{ path: 'secrets.sealed', field: 'webhook_secret' }],
    purpose: 'webhook',
    place: ({ _id, organisation }) => ({ organisation: String(organisation), account: _id }),
  },
  {
    name: 'settings',
    only: { _id: 'canary' },
    members: [{ path: 'value', field: CANARY_PLACE.field }],
    place: () => CANARY_PLACE,
  },
];

/** The token members of an account's grant. Credentials in place of a refresh token are encrypted for their grant type. */
function grantMembers(
  path: string,
  generation: NonNullable<SealedMember['generation']>,
): SealedMember[] {
  return [
    { path: `${path}.access_token`, field: 'access_token', generation },
    {
      path: `${path}.refresh_token`,
      field: ({ grant }) => (typeof grant === 'string' ? grant : 'refresh_token'),
      generation,
    },
  ];
}

type StoredDocument = Record<string, unknown> & { _id: string };

/** A record with at least one value that is encrypted with another key. */
export interface SealedRecord {
  collection: string;
  id: string;
  values: SealedValue[];
}

interface SealedValue {
  /** The path of the value in the document, such as `orphaned_grants.0.access_token`. */
  path: string;
  sealed: string;
  place: SealingContext;
  purpose: KeyPurpose;
}

/** Values of one record, each with its replacement. */
export interface ResealedRecord extends Omit<SealedRecord, 'values'> {
  values: (SealedValue & { resealed: string })[];
}

/** Numbers of records with a value of each key. */
interface RecordsPerKey {
  keys: { id: string; records: number }[];
  /** Records with a value of any other key. */
  others: number;
}

/** Where the next page begins. */
export interface RecordCursor {
  collection: string;
  afterId: string | null;
}

export class SealedRecords {
  readonly #connection: Connection;
  readonly #stored: StoredCounts;

  constructor(connection: Connection, stored: StoredCounts) {
    this.#connection = connection;
    this.#stored = stored;
  }

  /** The number of records with a value of this key. Scans all records, so no request may use it. */
  countWith(keyId: string, signal?: AbortSignal): Promise<number> {
    return this.#count(sealedWith(keyId), signal);
  }

  /** The number of records with a value of any key but these. Scans all records, so no request may use it. */
  countWithout(keyIds: readonly string[], signal?: AbortSignal): Promise<number> {
    return this.#count(sealedWithout(keyIds), signal);
  }

  /**
   * The number of records of each key. Counted now if there are few records, and otherwise by a worker some time ago;
   * `null` until then.
   */
  async perKey(keyIds: readonly string[], now: Date): Promise<Counted<RecordsPerKey | null>> {
    return this.#stored.serve<RecordsPerKey | null>(
      { kind: 'encryption', organisation: null },
      now,
      async () => {
        const sizes = SEALED_COLLECTIONS.map(({ name }) =>
          this.#collection(name).estimatedDocumentCount(),
        );
        const size = (await Promise.all(sizes)).reduce((all, one) => all + one, 0);
        if (size > this.#stored.atOnceMax) return { counts: null, complete: false };
        return { counts: (await this.recountPerKey(keyIds)).counts, complete: true };
      },
    );
  }

  /** Scans all records once per key. */
  async recountPerKey(
    keyIds: readonly string[],
    signal?: AbortSignal,
  ): Promise<Recount<RecordsPerKey>> {
    const keys: RecordsPerKey['keys'] = [];
    for (const id of keyIds) keys.push({ id, records: await this.countWith(id, signal) });
    const others = await this.countWithout(keyIds, signal);
    return {
      counts: { keys, others },
      size: keys.reduce((all, { records }) => all + records, others),
    };
  }

  /** The ids of all keys in use. Scans all records once per key. */
  async keyIdsInUse(): Promise<string[]> {
    const found = new Set<string>();
    for (;;) {
      const [record] = await this.#firstWithout([...found]);
      if (record === undefined) return [...found];
      for (const { sealed } of record.values) found.add(sealingKeyOf(sealed) ?? '');
    }
  }

  /**
   * The next records with values of any key but this one, and those values.
   * @returns `next` is `null` after the last page
   */
  async page(
    keyId: string,
    cursor: RecordCursor | null,
    limit: number,
  ): Promise<{ records: SealedRecord[]; next: RecordCursor | null }> {
    const first = SEALED_COLLECTIONS.findIndex(({ name }) => name === cursor?.collection);
    let afterId = cursor?.afterId ?? null;
    for (const collection of SEALED_COLLECTIONS.slice(Math.max(first, 0))) {
      const records = await this.#find(collection, [keyId], { afterId, limit });
      const last = records.length === limit ? records.at(-1) : undefined;
      if (last !== undefined)
        return { records, next: { collection: collection.name, afterId: last.id } };
      if (records.length > 0) return { records, next: following(collection) };
      afterId = null;
    }
    return { records: [], next: null };
  }

  /**
   * Replaces values with their re-encrypted form. Each update compares the old ciphertexts, so a record that was
   * written in the meantime, such as by a newer grant, is left unchanged.
   * @returns the number of replaced records
   */
  async replace(records: readonly ResealedRecord[]): Promise<number> {
    let replaced = 0;
    for (const { name } of SEALED_COLLECTIONS) {
      const updates = records
        .filter(({ collection, values }) => collection === name && values.length > 0)
        .map(({ id, values }) => ({
          updateOne: {
            filter: {
              _id: id,
              ...Object.fromEntries(values.map(({ path, sealed }) => [path, sealed])),
            },
            update: {
              $set: Object.fromEntries(values.map(({ path, resealed }) => [path, resealed])),
            },
          },
        }));
      if (updates.length === 0) continue;
      const { matchedCount } = await this.#collection(name).bulkWrite(updates, { ordered: false });
      replaced += matchedCount;
    }
    return replaced;
  }

  async #count(pattern: RegExp, signal: AbortSignal | undefined): Promise<number> {
    let count = 0;
    for (const collection of SEALED_COLLECTIONS) {
      const records = this.#collection(collection.name);
      for await (const _id of idRanges(records, {}, signal)) {
        const range = Object.keys(_id).length === 0 ? {} : { _id };
        count += await records.countDocuments({ $and: [range, holding(collection, pattern)] });
      }
    }
    return count;
  }

  async #firstWithout(keyIds: readonly string[]): Promise<SealedRecord[]> {
    for (const collection of SEALED_COLLECTIONS) {
      const records = await this.#find(collection, keyIds, { afterId: null, limit: 1 });
      if (records.length > 0) return records;
    }
    return [];
  }

  async #find(
    collection: SealedCollection,
    keyIds: readonly string[],
    { afterId, limit }: { afterId: string | null; limit: number },
  ): Promise<SealedRecord[]> {
    const pattern = sealedWithout(keyIds);
    const documents = await this.#collection(collection.name)
      .find({
        $and: [holding(collection, pattern), afterId === null ? {} : { _id: { $gt: afterId } }],
      })
      .sort({ _id: 1 })
      .limit(limit)
      .toArray();
    return documents.map((document) => ({
      collection: collection.name,
      id: document._id,
      values: valuesOf(document, collection).filter(({ sealed }) => pattern.test(sealed)),
    }));
  }

  /** Bypasses the models: member names come from the list, and the records belong to all organisations. */
  #collection(name: string): mongo.Collection<StoredDocument> {
    return this.#connection.collection<StoredDocument>(name);
  }
}

function following({ name }: SealedCollection): RecordCursor | null {
  const at = SEALED_COLLECTIONS.findIndex((collection) => collection.name === name);
  const next = SEALED_COLLECTIONS[at + 1];
  return next === undefined ? null : { collection: next.name, afterId: null };
}

function holding({ only, members }: SealedCollection, pattern: RegExp): object {
  return { ...only, $or: members.map(({ path }) => ({ [path]: pattern })) };
}

const sealedWith = (keyId: string) => new RegExp(`^${ENVELOPE_PREFIX}${literal(keyId)}:`);

/** Matches values encrypted with any key but these. */
const sealedWithout = (keyIds: readonly string[]) =>
  new RegExp(`^${ENVELOPE_PREFIX}(?!(${keyIds.map(literal).join('|') || '$'}):)`);

function literal(keyId: string): string {
  return keyId.replace(/[.-]/g, '\\$&');
}

/** The encrypted values of a document, and the exact path of each. */
function valuesOf(
  document: StoredDocument,
  { members, place, purpose = 'token' }: SealedCollection,
): SealedValue[] {
  return members.flatMap(({ path, field, generation, account }) =>
    stringsAt(document, path.split('.')).map(({ path: walked, text, beside }) => ({
      path: walked.join('.'),
      sealed: text,
      place: {
        ...place(document),
        ...(account && { account: account(document) }),
        field: typeof field === 'string' ? field : field(document),
        ...(generation && { grant: grantContext(document, Number(generation(document, beside))) }),
      },
      purpose,
    })),
  );
}

function grantContext(document: StoredDocument, generation: number): GrantContext {
  return {
    provider: String(document['provider']),
    environment: String(document['environment']),
    externalId: String(document['external_id']),
    generation,
  };
}

/** Walks a path through documents and arrays. */
function stringsAt(
  value: unknown,
  [step, ...rest]: string[],
  walked: string[] = [],
  beside: Record<string, unknown> = {},
): { path: string[]; text: string; beside: Record<string, unknown> }[] {
  if (Array.isArray(value)) {
    return value.flatMap((one: unknown, at) =>
      stringsAt(one, step === undefined ? [] : [step, ...rest], [...walked, String(at)], beside),
    );
  }
  if (step === undefined)
    return typeof value === 'string' ? [{ path: walked, text: value, beside }] : [];
  if (typeof value !== 'object' || value === null) return [];
  const document = value as Record<string, unknown>;
  return stringsAt(document[step], rest, [...walked, step], document);
}
