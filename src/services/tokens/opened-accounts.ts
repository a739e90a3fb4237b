/**
 * Accounts as they are read for a use: opened, shared by the callers of this process, kept for a few seconds. The only
 * place where plaintext is kept.
 */
import { type Account, AccountState } from '../domain/account';
import { OpenError } from '../vault/sealing';
import type { ApiDependencies } from './dependencies';
import { RecentReads } from './recent-reads';

/** An account as it was read, with its access token opened. */
export interface OpenedAccount {
  account: Account;
  /** `null`: there is none, or it does not open. */
  accessToken: string | null;
  /** When the read began. */
  readAt: Date;
}

export class OpenedAccounts {
  readonly #deps: Pick<ApiDependencies, 'store' | 'vault' | 'logger' | 'now'>;
  readonly #cache = new RecentReads<OpenedAccount>();
  readonly #reads = new Map<string, Promise<OpenedAccount | null>>();

  constructor(deps: Pick<ApiDependencies, 'store' | 'vault' | 'logger' | 'now'>) {
    this.#deps = deps;
  }

  /** What was read within the cache's bound. */
  cached(organisation: string, accountId: string): OpenedAccount | undefined {
    return this.#cache.get(keyOf(organisation, accountId), this.#deps.now());
  }

  /** Callers of one process share a read; it may have begun a moment before they asked, well within the bound. */
  read(organisation: string, accountId: string): Promise<OpenedAccount | null> {
    const key = keyOf(organisation, accountId);
    let shared = this.#reads.get(key);
    if (shared === undefined) {
      shared = this.readNow(organisation, accountId).finally(() => this.#reads.delete(key));
      this.#reads.set(key, shared);
    }
    return shared;
  }

  /** A read that begins now: it sees whatever was written until now. */
  async readNow(organisation: string, accountId: string): Promise<OpenedAccount | null> {
    const readAt = this.#deps.now();
    const account = await this.#deps.store.accounts.find(organisation, accountId);
    const newest = this.cached(organisation, accountId);
    // A slower read that began before a newer one must not put back what that one replaced.
    const overtaken = newest !== undefined && newest.readAt > readAt;
    const opened =
      account === null ? null : { account, accessToken: this.#openOwn(account), readAt };
    if (overtaken) return opened;
    if (opened?.account.state === AccountState.active && opened.accessToken !== null)
      this.#cache.set(keyOf(organisation, accountId), opened, this.#deps.now());
    else this.#cache.delete(keyOf(organisation, accountId));
    return opened;
  }

  /** `null`: there is none, or it does not open. */
  openFallback(account: Account): string | null {
    return account.fallback === null
      ? null
      : this.#open(account, account.fallback.accessToken, 'fallback_access_token');
  }

  #openOwn(account: Account): string | null {
    // An account that was connected with a refresh token alone has an empty one.
    return this.#open(account, account.current.accessToken, 'access_token') || null;
  }

  #open(
    account: Account,
    sealed: string,
    field: 'access_token' | 'fallback_access_token',
  ): string | null {
    const { organisation, id: accountId } = account;
    try {
      return this.#deps.vault.openToken(sealed, { organisation, accountId }, field);
    } catch (error) {
      if (!(error instanceof OpenError)) throw error;
      this.#deps.logger.warn(
        { account_id: accountId, field, reason: error.reason },
        'a stored token does not open',
      );
      return null;
    }
  }
}

/** Of one organisation: what another one asks for is never found, and evicts nothing. */
function keyOf(organisation: string, accountId: string): string {
  return JSON.stringify([organisation, accountId]);
}
