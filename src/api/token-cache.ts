/** Opened tokens of this process, for a few seconds and a bounded number: the only place where plaintext is kept. */
import type { Account } from '../domain/account';

/**
 * What was read is handed out for this long without asking the store again: so long at most after a token was
 * replaced, or its account disabled, refused or removed, wherever that happened.
 */
const CACHE_MAX_AGE_MS = 5_000;
const ENTRIES_MAX = 10_000;

/** An account as it was read, with its access token opened. */
export interface OpenedAccount {
  account: Account;
  /** `null`: there is none, or it does not open. */
  accessToken: string | null;
  /** When the read began. */
  readAt: Date;
}

export class TokenCache {
  /** In the order in which they were read: the oldest, which are worth least, are first. */
  readonly #entries = new Map<string, OpenedAccount>();

  get(organisation: string, accountId: string, now: Date): OpenedAccount | undefined {
    const entry = this.#entries.get(keyOf(organisation, accountId));
    return entry !== undefined && isRecent(entry, now) ? entry : undefined;
  }

  set(entry: OpenedAccount, now: Date): void {
    const key = keyOf(entry.account.organisation, entry.account.id);
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    for (const [old, oldest] of this.#entries) {
      if (this.#entries.size <= ENTRIES_MAX && isRecent(oldest, now)) break;
      this.#entries.delete(old);
    }
  }

  delete(organisation: string, accountId: string): void {
    this.#entries.delete(keyOf(organisation, accountId));
  }
}

/** Of one organisation: what another one asks for is never found, and evicts nothing. */
function keyOf(organisation: string, accountId: string): string {
  return JSON.stringify([organisation, accountId]);
}

/** A clock that was set back must not make an entry last longer. */
function isRecent({ readAt }: OpenedAccount, now: Date): boolean {
  const ageMs = now.getTime() - readAt.getTime();
  return ageMs >= 0 && ageMs < CACHE_MAX_AGE_MS;
}
