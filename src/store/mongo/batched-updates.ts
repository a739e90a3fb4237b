/**
 * Batched updates of one document each. MongoDB reports how many documents a bulk update matched, but not which. If
 * some did not match, the documents are read, and each update decides whether it was applied.
 */
import type { mongo } from 'mongoose';
import { Grouped } from './batched';

interface Identified {
  _id: string;
}

export interface Update<T extends Identified> {
  filter: mongo.Filter<T> & Identified;
  update: mongo.UpdateFilter<T>;
  /** Default: `false`. */
  upsert?: boolean;
}

/** An update that is safe to repeat. */
export interface RepeatableUpdate<T extends Identified> extends Update<T> {
  /** Whether the document shows that this very update was applied. */
  isIn: (document: mongo.WithId<T>) => boolean;
}

export class GroupedUpdates<T extends Identified> {
  readonly #collection: mongo.Collection<T>;
  readonly #updates: Grouped<RepeatableUpdate<T>, boolean>;

  constructor(collection: mongo.Collection<T>) {
    this.#collection = collection;
    this.#updates = new Grouped(
      (update) => this.updateAlone(update),
      (updates) => this.#updateTogether(updates),
    );
  }

  /** @returns whether a document matched, or was inserted */
  updateOne(update: RepeatableUpdate<T>): Promise<boolean> {
    return this.#updates.call(update);
  }

  /**
   * For updates that must not be repeated.
   * @returns as `updateOne`
   */
  async updateAlone({ filter, update, upsert = false }: Update<T>): Promise<boolean> {
    const { matchedCount, upsertedCount } = await this.#collection.updateOne(filter, update, {
      upsert,
      ignoreUndefined: true,
    });
    return matchedCount + upsertedCount === 1;
  }

  async #updateTogether(updates: readonly RepeatableUpdate<T>[]): Promise<boolean[]> {
    const { matchedCount, upsertedCount } = await this.#collection.bulkWrite(
      updates.map(({ filter, update, upsert = false }) => ({
        updateOne: { filter, update, upsert },
      })),
      { ordered: false, ignoreUndefined: true },
    );
    if (matchedCount + upsertedCount === updates.length) return updates.map(() => true);
    const documents = await documentsById(
      this.#collection,
      updates.map(({ filter }) => filter._id),
    );
    return updates.map(({ filter, isIn }) => {
      const document = documents.get(filter._id);
      return document !== undefined && isIn(document);
    });
  }
}

export async function documentsById<T extends Identified>(
  collection: mongo.Collection<T>,
  ids: readonly string[],
): Promise<Map<string, mongo.WithId<T>>> {
  const found = await collection.find({ _id: { $in: ids } } as mongo.Filter<T>).toArray();
  return new Map(found.map((document) => [document._id, document]));
}
