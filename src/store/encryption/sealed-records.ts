/**
 * Every place in the database where a sealed value stands: counted by key, read in pages and replaced, whatever kind of
 * record it is. Whoever seals values in a collection of their own adds it to the list here, and key rotation covers it.
 */
import type { Connection, mongo } from 'mongoose';
import type { KeyPurpose } from '../vault/key-ring';
import { ENVELOPE_PREFIX, type SealingContext, sealingKeyOf } from '../vault/sealing';
import { CANARY_PLACE } from '../vault/vault';

interface SealedCollection {
  name: string;
  /** Which of its documents hold sealed values; all if left out. */
  only?: Record<string, string>;
  /** The members that hold them, in lists too, with the field each was sealed for. */
  members: Readonly<Record<string, string>>;
  /** What they are sealed for; `token` if left out. */
  purpose?: KeyPurpose;
  /** The rest of the place a document's values were sealed for. */
  place: (document: StoredDocument) => Pick<SealingContext, 'organisation' | 'account'>;
}

const SEALED_COLLECTIONS: readonly SealedCollection[] = [
  {
    name: 'accounts',
    members: {
      'current.access_token': 'access_token',
      'current.refresh_token': 'refresh_token',
      'previous.access_token': 'access_token',
      'previous.refresh_token': 'refresh_token',
      'leaves.access_token': 'access_token',
      'leaves.refresh_token': 'refresh_token',
      'fallback.access_token': 'fallback_access_token',
    },
    place: ({ _id, organisation }) => ({ organisation: String(organisation), account: _id }),
  },
  {
    name: 'webhook_endpoints',
    members: { 'secrets.sealed': 'webhook_secret' },
    purpose: 'webhook',
    place: ({ _id, organisation }) => ({ organisation: String(organisation), account: _id }),
  },
  {
    name: 'settings',
    only: { _id: 'canary' },
    members: { value: CANARY_PLACE.field },
    place: () => CANARY_PLACE,
  },
];

type StoredDocument = Record<string, unknown> & { _id: string };

/** A record with at least one value that another key sealed. */
export interface SealedRecord {
  collection: string;
  id: string;
  values: SealedValue[];
}

interface SealedValue {
  /** Where in the document it stands: `leaves.0.access_token`. */
  path: string;
  sealed: string;
  place: SealingContext;
  purpose: KeyPurpose;
}

/** Values of one record, each with what takes its place. */
export interface ResealedRecord extends Omit<SealedRecord, 'values'> {
  values: (SealedValue & { resealed: string })[];
}

/** Where the next page begins. */
export interface RecordCursor {
  collection: string;
  afterId: string | null;
}

export class SealedRecords {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** How many records hold a value of this key. Goes through all of them. */
  countWith(keyId: string): Promise<number> {
    return this.#count(sealedWith(keyId));
  }

  /** How many records hold a value of a key that is not among these. Goes through all of them. */
  countWithout(keyIds: readonly string[]): Promise<number> {
    return this.#count(sealedWithout(keyIds));
  }

  /** The ids of all keys that any value is sealed with. Goes through all records once for each. */
  async keyIdsInUse(): Promise<string[]> {
    const found = new Set<string>();
    for (;;) {
      const [record] = await this.#firstWithout([...found]);
      if (record === undefined) return [...found];
      for (const { sealed } of record.values) found.add(sealingKeyOf(sealed) ?? '');
    }
  }

  /**
   * The next records that hold values of other keys than this one, with those values.
   * @returns `next` is `null` after the last
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
   * Puts re-sealed values in the place of those that were read. Each record is compared on the ciphertexts themselves:
   * one that anybody has written meanwhile, a newer grant above all, is left as it is.
   * @returns how many were replaced
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

  async #count(pattern: RegExp): Promise<number> {
    const counts = await Promise.all(
      SEALED_COLLECTIONS.map((collection) =>
        this.#collection(collection.name).countDocuments(holding(collection, pattern)),
      ),
    );
    return counts.reduce((sum, count) => sum + count, 0);
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

  /** Not a model: the members come from the list, of accounts of all organisations. */
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
  return { ...only, $or: Object.keys(members).map((path) => ({ [path]: pattern })) };
}

const sealedWith = (keyId: string) => new RegExp(`^${ENVELOPE_PREFIX}${literal(keyId)}:`);

/** A value that is sealed, and with none of these keys. */
const sealedWithout = (keyIds: readonly string[]) =>
  new RegExp(`^${ENVELOPE_PREFIX}(?!(${keyIds.map(literal).join('|') || '$'}):)`);

function literal(keyId: string): string {
  return keyId.replace(/[.-]/g, '\\$&');
}

/** The sealed values of a document, and where exactly each stands. */
function valuesOf(
  document: StoredDocument,
  { members, place, purpose = 'token' }: SealedCollection,
): SealedValue[] {
  return Object.entries(members).flatMap(([member, field]) =>
    stringsAt(document, member.split('.')).map(({ path, text }) => ({
      path: path.join('.'),
      sealed: text,
      place: { ...place(document), field },
      purpose,
    })),
  );
}

/** Walks a path through documents and lists. */
function stringsAt(
  value: unknown,
  [step, ...rest]: string[],
  walked: string[] = [],
): { path: string[]; text: string }[] {
  if (Array.isArray(value)) {
    return value.flatMap((one: unknown, at) =>
      stringsAt(one, step === undefined ? [] : [step, ...rest], [...walked, String(at)]),
    );
  }
  if (step === undefined) return typeof value === 'string' ? [{ path: walked, text: value }] : [];
  if (typeof value !== 'object' || value === null) return [];
  return stringsAt((value as Record<string, unknown>)[step], rest, [...walked, step]);
}
