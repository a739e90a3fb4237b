/**
 * Who presents this? API keys of the environment and of the store, and JWTs: one answer for whatever carries them (a
 * header, a form to sign in).
 */
import { createHash, hash, timingSafeEqual } from 'node:crypto';
import type { Principal } from '../store/api-keys';
import type { ApiDependencies } from './dependencies';
import { ApiError } from './errors';
import { FailedAttempts } from './failed-attempts';
import { createJwtVerifier, JWT_KEY_ID_PREFIX, looksLikeJwt } from './jwt';
import { RecentReads } from './recent-reads';

/**
 * @param address from where it was sent; of those from which too many were refused, only keys are looked at that were
 * accepted of late
 * @throws {ApiError} `unauthenticated`, `too_many_failures`; `jwks_unavailable` where an issuer's keys are needed and away
 */
export interface Authenticator {
  (presented: string, address?: string | null): Promise<Principal>;
  /** Whose key it is, where that was looked up a moment ago; `null`: ask, and be told what is wrong. */
  recall(presented: string, address: string | null): Principal | null;
}

/** Longer than any key or JWT: what is longer is not even hashed. */
const PRESENTED_MAX_CHARACTERS = 8 * 1024;
const FAILURES_MAX = 30;
/** A client that was known so shortly before is not shut out by who guesses at the same address. */
const ACCEPTED_COUNTS_MS = 10 * 60_000;
const ACCEPTED_MAX = 10_000;

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
  const failed = new FailedAttempts(FAILURES_MAX);
  /** When keys were last accepted, by digest; the oldest first. */
  const accepted = new Map<string, number>();

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

  function accept(digest: string, at: Date): void {
    accepted.delete(digest);
    if (accepted.size >= ACCEPTED_MAX) {
      const [oldest = ''] = accepted.keys();
      accepted.delete(oldest);
    }
    accepted.set(digest, at.getTime());
  }

  /** How long what it presents is not looked at, because of what else came from there; 0: it is. */
  function shutOutSeconds(digest: string, address: string, at: Date): number {
    const waitSeconds = failed.waitSeconds(address, at);
    const isKnown = at.getTime() - (accepted.get(digest) ?? 0) < ACCEPTED_COUNTS_MS;
    return isKnown ? 0 : waitSeconds;
  }

  /** Before a key is looked at: guessing must not be worth while, whatever a key is like. */
  function refuseGuesses(digest: string, address: string): void {
    const waitSeconds = shutOutSeconds(digest, address, now());
    if (waitSeconds === 0) return;
    const sentence = `Too many keys from your address were not accepted. Try again in ${waitSeconds} s.`;
    throw new ApiError('too_many_failures', sentence, waitSeconds);
  }

  async function recognise(presented: string, digest: Buffer): Promise<Principal> {
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
  }

  async function authenticate(presented: string, address: string | null = null) {
    if (presented.length > PRESENTED_MAX_CHARACTERS)
      throw new ApiError('unauthenticated', 'This is too long to be an API key or a JWT.');
    const bytes = sha256(presented);
    if (address === null) return recognise(presented, bytes);
    const digest = bytes.toString('hex');
    // A JWT cannot be guessed, and each is new some day.
    if (!looksLikeJwt(presented)) refuseGuesses(digest, address);
    try {
      const principal = await recognise(presented, bytes);
      accept(digest, now());
      return principal;
    } catch (error) {
      if (error instanceof ApiError && error.code === 'unauthenticated')
        failed.record(address, now());
      throw error;
    }
  }

  function recall(presented: string, address: string | null): Principal | null {
    if (presented.length > PRESENTED_MAX_CHARACTERS) return null;
    const digest = hash('sha256', presented);
    const at = now();
    const recent = known.get(digest, at);
    if (recent === undefined) return null;
    if (address !== null) {
      if (shutOutSeconds(digest, address, at) > 0) return null;
      accept(digest, at);
    }
    return recent.principal;
  }

  return Object.assign(authenticate, { recall });
}

/** The caller in words, for notes and log entries: `key 9f…` or `jwt:<sub>`. */
export function callerName(keyId: string): string {
  return keyId.startsWith(JWT_KEY_ID_PREFIX) ? keyId : `key ${keyId}`;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
