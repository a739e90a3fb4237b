/** Decrypted accounts for token requests, cached for a few seconds. The only place that keeps plaintext tokens. */
import type { Logger } from 'pino';
import { type Account, AccountState } from '../../domain/account/account';
import type { Store } from '../../store/store';
import { OpenError } from '../../vault/sealing';
import type { Vault } from '../../vault/vault';
import { grantPlace } from '../../vault/vault';
import { RecentReads } from '../recent-reads';

/** An account as read, with its decrypted access token. */
export interface OpenedAccount {
  account: Account;
  /** `null` if there is none, or it cannot be decrypted. */
  accessToken: string | null;
  /** When the read began. */
  readAt: Date;
}

export class OpenedAccounts {
  readonly #deps: { store: Store; vault: Vault; logger: Logger; now: () => Date };
  readonly #cache = new RecentReads<OpenedAccount>();
  readonly #reads = new Map<string, Promise<OpenedAccount | null>>();

  constructor(deps: { store: Store; vault: Vault; logger: Logger; now: () => Date }) {
    this.#deps = deps;
  }

  /** A read within the cache lifetime. */
  cached(organisation: string, accountId: string): OpenedAccount | undefined {
    return this.#cache.get(keyOf(organisation, accountId), this.#deps.now());
  }

  /** Concurrent callers share a read, which may have begun shortly before the call. */
  read(organisation: string, accountId: string): Promise<OpenedAccount | null> {
    const key = keyOf(organisation, accountId);
    let shared = this.#reads.get(key);
    if (shared === undefined) {
      shared = this.readNow(organisation, accountId).finally(() => this.#reads.delete(key));
      this.#reads.set(key, shared);
    }
    return shared;
  }

  /** Begins a new read, which sees every write until now. */
  async readNow(organisation: string, accountId: string): Promise<OpenedAccount | null> {
    const readAt = this.#deps.now();
    const account = await this.#deps.store.accounts.find(organisation, accountId);
    const newest = this.cached(organisation, accountId);
    // A slow read must not overwrite the result of a later one in the cache.
    const superseded = newest !== undefined && newest.readAt > readAt;
    const opened =
      account === null ? null : { account, accessToken: this.#openOwn(account), readAt };
    if (superseded) return opened;
    if (opened?.account.state === AccountState.active && opened.accessToken !== null)
      this.#cache.set(keyOf(organisation, accountId), opened, this.#deps.now());
    else this.#cache.delete(keyOf(organisation, accountId));
    return opened;
  }

  /** `null` if there is none, or it cannot be decrypted. */
  openFallback(account: Account): string | null {
    return account.fallback === null
      ? null
      : this.#open(account, account.fallback.accessToken, 'fallback_access_token');
  }

  #openOwn(account: Account): string | null {
    const { accessToken } = account.current;
    return accessToken === null ? null : this.#open(account, accessToken, 'access_token');
  }

  #open(
    account: Account,
    sealed: string,
    field: 'access_token' | 'fallback_access_token',
  ): string | null {
    try {
      return this.#deps.vault.openToken(sealed, grantPlace(account, account.generation), field);
    } catch (error) {
      if (!(error instanceof OpenError)) throw error;
      this.#deps.logger.warn(
        { account_id: account.id, field, reason: error.reason },
        'a stored token cannot be decrypted',
      );
      return null;
    }
  }
}

/** Includes the organisation, so that requests of another organisation hit and evict nothing. */
function keyOf(organisation: string, accountId: string): string {
  return JSON.stringify([organisation, accountId]);
}
