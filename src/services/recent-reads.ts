/** A cache of reads from the store, bounded in age and size. */

/** Cache lifetime, in ms, and so the longest time a change made by another process goes unseen here. */
const READ_MAX_AGE_MS = 5_000;
const ENTRIES_MAX = 10_000;

/** `readAt` is when the read began. */
export class RecentReads<T extends { readAt: Date }> {
  /** In the order of the reads, so that the oldest are evicted first. */
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

/** If the clock was set back, an entry must not live longer. */
function isRecent({ readAt }: { readAt: Date }, now: Date): boolean {
  const ageMs = now.getTime() - readAt.getTime();
  return ageMs >= 0 && ageMs < READ_MAX_AGE_MS;
}
