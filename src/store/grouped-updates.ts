/**
 * Updates of one document each, under load many in one command: those that come while others are being written go out
 * together, next. A group of which not each update found its document is done over one by one, so that one that fails
 * fails alone. Hence only such updates as may be repeated: one that was done before may be told that it found nothing,
 * and whoever asked looks whether it was its own.
 */
import type { mongo } from 'mongoose';

/** Bounds the command, and what is done over. */
const GROUP_MAX = 100;

export interface Update<T extends mongo.Document> {
  filter: mongo.Filter<T>;
  update: mongo.UpdateFilter<T>;
  /** `false` unless told. */
  upsert?: boolean;
}

interface Waiting<T extends mongo.Document> extends Update<T> {
  resolve: (found: boolean | Promise<boolean>) => void;
}

export class GroupedUpdates<T extends mongo.Document> {
  readonly #collection: mongo.Collection<T>;
  readonly #waiting: Waiting<T>[] = [];
  #isWriting = false;

  constructor(collection: mongo.Collection<T>) {
    this.#collection = collection;
  }

  /**
   * For an update that may be repeated.
   * @returns whether there was such a document, or it was inserted
   */
  updateOne(update: Update<T>): Promise<boolean> {
    return new Promise((resolve) => {
      this.#waiting.push({ ...update, resolve });
      if (!this.#isWriting) void this.#write();
    });
  }

  /**
   * For an update that may not be repeated.
   * @returns as `updateOne`
   */
  async updateAlone({ filter, update, upsert = false }: Update<T>): Promise<boolean> {
    const { matchedCount, upsertedCount } = await this.#collection.updateOne(filter, update, {
      upsert,
      ignoreUndefined: true,
    });
    return matchedCount + upsertedCount === 1;
  }

  /** Never rejects: what a group ends with, its updates are told. */
  async #write(): Promise<void> {
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, GROUP_MAX);
      const isDone = group.length > 1 && (await this.#writeTogether(group));
      const found = group.map((one) => {
        const outcome = isDone ? Promise.resolve(true) : this.updateAlone(one);
        one.resolve(outcome);
        return outcome;
      });
      await Promise.allSettled(found);
    }
    this.#isWriting = false;
  }

  /** @returns whether each of them found its document */
  async #writeTogether(group: readonly Update<T>[]): Promise<boolean> {
    try {
      const { matchedCount, upsertedCount } = await this.#collection.bulkWrite(
        group.map((updateOne) => ({ updateOne })),
        { ordered: false, ignoreUndefined: true },
      );
      return matchedCount + upsertedCount === group.length;
    } catch {
      // One by one, each ends with an error of its own.
      return false;
    }
  }
}
