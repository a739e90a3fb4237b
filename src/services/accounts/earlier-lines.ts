/**
 * Remembers the earlier lines of one import, so that duplicate accounts and refresh tokens are found across batches.
 * Keeps keyed hashes, never tokens.
 */
import type { NewAccount } from '../../store/accounts/accounts';
import { identityKey } from '../../store/accounts/accounts';
import type { Vault } from '../../vault/vault';

/** Lines that one import remembers; about 240 bytes each. Later lines are compared only with stored accounts. */
const LINES_MAX = 200_000;

interface Seen {
  line: number;
  grant: string;
}

export class EarlierLines {
  readonly #vault: Pick<Vault, 'fingerprint'>;
  readonly #linesMax: number;
  readonly #accounts = new Map<string, Seen>();
  /** The first line with each refresh token. */
  readonly #tokens = new Map<string, number>();
  #isFull = false;

  constructor(vault: Pick<Vault, 'fingerprint'>, linesMax = LINES_MAX) {
    this.#vault = vault;
    this.#linesMax = linesMax;
  }

  /** The earlier line of the same account, and whether it had the same grant. */
  sameAccount(account: NewAccount): { line: number; isSameGrant: boolean } | undefined {
    const seen = this.#accounts.get(this.#accountKey(account));
    return seen && { line: seen.line, isSameGrant: seen.grant === grantKey(account) };
  }

  /** The earlier line with the same refresh token. */
  sameToken(account: NewAccount): number | undefined {
    const key = tokenKey(account);
    return key === null ? undefined : this.#tokens.get(key);
  }

  /** @returns `false` only for the first line that is not remembered */
  remember(line: number, account: NewAccount): boolean {
    if (this.#accounts.size >= this.#linesMax) {
      const wasFull = this.#isFull;
      this.#isFull = true;
      return wasFull;
    }
    this.#accounts.set(this.#accountKey(account), { line, grant: grantKey(account) });
    const key = tokenKey(account);
    if (key !== null && !this.#tokens.has(key)) this.#tokens.set(key, line);
    return true;
  }

  #accountKey(account: NewAccount): string {
    return this.#vault.fingerprint(identityKey(account));
  }
}

function grantKey({ grant }: NewAccount): string {
  return grant.refreshTokenFingerprint ?? grant.accessTokenFingerprint ?? '';
}

function tokenKey({ provider, grant }: NewAccount): string | null {
  return grant.refreshTokenFingerprint === null
    ? null
    : `${provider} ${grant.refreshTokenFingerprint}`;
}
