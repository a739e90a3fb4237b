/**
 * Counts failed authentications per minute, in this process only. The counts decide only whether a refused credential
 * gets 401 or 429. A client that fills the table locks no client out and gains no guess, because every credential is
 * verified in any case.
 */

const WINDOW_MS = 60_000;
/** Entries that are kept; beyond it the oldest is dropped. */
const ENTRIES_MAX = 10_000;

export class FailedAttempts {
  readonly #failures = new Map<string, { count: number; endsAt: number }>();
  readonly #max: number;

  /** @param max failures per minute that do not lead to a wait */
  constructor(max: number) {
    this.#max = max;
  }

  /** Seconds for which further failures get a wait; 0 for none. */
  waitSeconds(of: string, now: Date): number {
    const known = this.#failures.get(of);
    if (known === undefined || known.count < this.#max) return 0;
    return Math.max(0, Math.ceil((known.endsAt - now.getTime()) / 1000));
  }

  /** Counts a failure; the window begins with the first. */
  record(of: string, now: Date): void {
    const known = this.#failures.get(of);
    if (known !== undefined && known.endsAt > now.getTime()) {
      known.count += 1;
      return;
    }
    // Delete first: a Map keeps insertion order, and the oldest entry is evicted.
    this.#failures.delete(of);
    const [oldest] = this.#failures.keys();
    if (this.#failures.size >= ENTRIES_MAX && oldest !== undefined) this.#failures.delete(oldest);
    this.#failures.set(of, { count: 1, endsAt: now.getTime() + WINDOW_MS });
  }
}
