/**
 * Failed attempts to be recognised, by address and in this process: enough to make guessing loud and slow, since keys are
 * long. Several processes count on their own.
 */

const WINDOW_MS = 60_000;
const ADDRESSES_MAX = 10_000;

export class FailedAttempts {
  readonly #failures = new Map<string, { count: number; endsAt: number }>();
  readonly #max: number;

  /** @param max so many within a minute are let through */
  constructor(max: number) {
    this.#max = max;
  }

  /** How long the address must wait, in seconds; 0: it may try. */
  waitSeconds(address: string, now: Date): number {
    const known = this.#failures.get(address);
    if (known === undefined || known.count < this.#max) return 0;
    return Math.max(0, Math.ceil((known.endsAt - now.getTime()) / 1000));
  }

  /** Counts a failure; the window begins with the first. */
  record(address: string, now: Date): void {
    const known = this.#failures.get(address);
    if (known !== undefined && known.endsAt > now.getTime()) {
      known.count += 1;
      return;
    }
    // Deleted first: the order of a Map is that of insertion, and the oldest is what goes.
    this.#failures.delete(address);
    const [oldest] = this.#failures.keys();
    if (this.#failures.size >= ADDRESSES_MAX && oldest !== undefined) this.#failures.delete(oldest);
    this.#failures.set(address, { count: 1, endsAt: now.getTime() + WINDOW_MS });
  }
}
