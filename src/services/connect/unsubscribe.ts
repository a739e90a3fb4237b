/** The address at which an owner stops reminders. Its signature shows that Evergrant sent it. */
import { timingSafeEqual } from 'node:crypto';
import type { Vault } from '../../vault/vault';

type Codes = Pick<Vault, 'authenticationCode'>;

export const UNSUBSCRIBE_PATH = '/connect/unsubscribe';

/** @param digest of the owner's address */
export function unsubscribeUrl(vault: Codes, digest: string, publicUrl: URL): string {
  const token = `${digest}.${vault.authenticationCode('unsubscribe', digest)}`;
  return new URL(`${UNSUBSCRIBE_PATH}/${token}`, publicUrl.origin).href;
}

/** @returns the digest of the address; `null` if Evergrant did not sign the token */
export function unsubscribedDigest(vault: Codes, token: string): string | null {
  const [digest = '', code = ''] = token.split('.', 2);
  const given = Buffer.from(code);
  const expected = Buffer.from(vault.authenticationCode('unsubscribe', digest));
  return given.length === expected.length && timingSafeEqual(given, expected) ? digest : null;
}
