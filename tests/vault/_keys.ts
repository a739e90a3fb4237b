/** Key rings for the vault's tests: random ones, and fixed ones for values that must always open. */
import { randomBytes } from 'node:crypto';
import { KeyRing } from '../../src/vault/key-ring';
import { OpenError, open, type SealingContext } from '../../src/vault/sealing';

export const randomKey = () => randomBytes(32).toString('base64');

/** Returns a ring of new keys with these ids. The first one seals. */
export function ringOf(...ids: string[]): KeyRing {
  return KeyRing.parse(ids.map((id) => `${id}:${randomKey()}`).join(','));
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
