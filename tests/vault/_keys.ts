/** Key rings and vaults for tests, without a database. */
import { randomBytes } from 'node:crypto';
import { KeyRing } from '../../src/vault/key-ring';
import { OpenError, open, type SealingContext } from '../../src/vault/sealing';
import { type CanaryStore, Vault } from '../../src/vault/vault';

export const randomKey = () => randomBytes(32).toString('base64');

/** Returns a ring of new keys with these ids. The first one seals. */
export function ringOf(...ids: string[]): KeyRing {
  return KeyRing.parse(ids.map((id) => `${id}:${randomKey()}`).join(','));
}

/** Stores one canary, as a database does. */
export function canaryStore(stored: string | null = null): CanaryStore & { stored: string | null } {
  return {
    stored,
    readCanary() {
      return Promise.resolve(this.stored);
    },
    writeCanaryIfAbsent(sealed) {
      this.stored ??= sealed;
      return Promise.resolve(this.stored);
    },
  };
}

/** Opens a vault with one new key, without a database. */
export function openedVault(): Promise<Vault> {
  return Vault.open(ringOf('k1'), canaryStore());
}

export const PLACE: SealingContext = {
  organisation: 'org_a',
  account: 'acc_1',
  field: 'refresh_token',
};

/** Returns why a value does not open, or `opened`. Rethrows any other error. */
export function openFailure(ring: KeyRing, sealed: string, context: SealingContext): string {
  try {
    open(ring, sealed, context);
    return 'opened';
  } catch (error) {
    if (error instanceof OpenError) return error.reason;
    throw error;
  }
}
