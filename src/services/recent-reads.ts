/** What was read from the store, for a few seconds and a bounded number of entries. */

/**
 * What was read counts for this long without asking the store again: so long at most after it was changed there,
 * wherever that happened.
 */
const READ_MAX_AGE_MS = 5_000;
const ENTRIES_MAX = 10_000;

/** `readAt` is when the read began. */
export class RecentReads<T extends { readAt: Date }> {
  /** In the order in which they were read: the oldest, which are worth least, are first. */
  readonly #entries = new Map<string, T>();

  get(key: string, now: Date): T | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && isRecent(entry, now) ? entry : undefined;
  }

  set(key: string, entry: T, now: Date): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    for (const [old, oldest] of this.#entries) {
      if (this.#entries.size <= ENTRIES_MAX && isRecent(oldest, now)) break;
      this.#entries.delete(old);
    }
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}

/** A clock that was set back must not make an entry last longer. */
function isRecent({ readAt }: { readAt: Date }, now: Date): boolean {
  const ageMs = now.getTime() - readAt.getTime();
  return ageMs >= 0 && ageMs < READ_MAX_AGE_MS;
}
