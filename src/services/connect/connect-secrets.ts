/** The random values of a connect session, and the digests under which they are stored. */
import { createHash, randomBytes } from 'node:crypto';
import type { Vault } from '../../vault/vault';

/** Random bytes of a link, a state, a cookie and a PKCE verifier: 256 bits. */
const RANDOM_BYTES = 32;

export function randomToken(): string {
  return randomBytes(RANDOM_BYTES).toString('base64url');
}

/** Unsalted, because the value is random. */
export function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** The PKCE challenge of a verifier (S256). */
export function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}

/** The keyed digest of a subject. It differs between organisations, providers and environments. */
export function subjectDigest(
  vault: Pick<Vault, 'authenticationCode'>,
  {
    organisation,
    provider,
    environment,
    subject,
  }: { organisation: string; provider: string; environment: string; subject: string },
): string {
  return vault.authenticationCode(
    'subject',
    JSON.stringify([organisation, provider, environment, subject]),
  );
}
