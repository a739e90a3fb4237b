/**
 * Who presents this? API keys of the environment and of the store, and JWTs: one answer for whatever carries them (a
 * header, a form to sign in).
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Principal } from '../store/api-keys';
import type { ApiDependencies } from './dependencies';
import { ApiError } from './errors';
import { createJwtVerifier, JWT_KEY_ID_PREFIX, looksLikeJwt } from './jwt';
import { RecentReads } from './recent-reads';

/** @throws {ApiError} `unauthenticated`; `jwks_unavailable` where an issuer's keys are needed and away */
export type Authenticator = (presented: string) => Promise<Principal>;

/** A revoked key is known for as long as a read is recent, and no longer. */
export function createAuthenticator(
  deps: Pick<ApiDependencies, 'store' | 'configuredKeys' | 'jwt' | 'logger' | 'now'>,
): Authenticator {
  const { store, now } = deps;
  const configured = deps.configuredKeys.map(({ key, principal }) => ({
    digest: sha256(key.reveal()),
    principal,
  }));
  const verifyJwt = deps.jwt && createJwtVerifier(deps.jwt, deps);
  const known = new RecentReads<{ principal: Principal; readAt: Date }>();

  function configuredPrincipal(digest: Buffer): Principal | null {
    // Digests are of one length, and all are compared: the time tells nothing of which key was nearly right.
    let principal: Principal | null = null;
    for (const candidate of configured)
      if (timingSafeEqual(candidate.digest, digest)) principal = candidate.principal;
    return principal;
  }

  /** By its digest: no key is kept in memory. */
  async function storedPrincipal(presented: string, digest: string): Promise<Principal | null> {
    const readAt = now();
    const recent = known.get(digest, readAt);
    if (recent !== undefined) return recent.principal;
    const principal = await store.apiKeys.verify(presented);
    if (principal !== null) known.set(digest, { principal, readAt }, now());
    return principal;
  }

  return async (presented) => {
    const digest = sha256(presented);
    const own = configuredPrincipal(digest);
    if (own !== null) return own;
    if (looksLikeJwt(presented)) {
      if (!verifyJwt) {
        throw new ApiError(
          'unauthenticated',
          'No JWT is accepted here: neither JWT_SECRET nor JWKS_URL is set. Send an API key.',
        );
      }
      return verifyJwt(presented);
    }
    const stored = await storedPrincipal(presented, digest.toString('hex'));
    if (stored === null)
      throw new ApiError('unauthenticated', 'This API key is not known (revoked, or mistyped?).');
    return stored;
  };
}

/** The caller in words, for notes and log entries: `key 9f…` or `jwt:<sub>`. */
export function callerName(keyId: string): string {
  return keyId.startsWith(JWT_KEY_ID_PREFIX) ? keyId : `key ${keyId}`;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
