/**
 * Verifies API keys of the environment and of the store, and JWTs, from headers and the sign-in form. Every credential
 * is verified, however many others failed at the same address, so a valid one is never refused because of other
 * clients. Failures only change the response to further failures from 401 to 429.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import type { Logger } from 'pino';
import { subscriberOf } from '../../domain/access/network';
import { type Principal } from '../../domain/access/principal';
import type { Secret } from '../../domain/masking/secret';
import { ServiceError } from '../../domain/service-error';
import type { JwtConfig } from '../../process/config';
import { publicIdOf } from '../../store/access/api-keys';
import type { Store } from '../../store/store';
import { RecentReads } from '../recent-reads';
import { FailedAttempts } from './failed-attempts';
import { createJwtVerifier, GenuineJwtError, JWT_KEY_ID_PREFIX, looksLikeJwt } from './jwt';
import { Turns } from './turns';

/**
 * @param address the client's address; `null`: failures are not counted
 * @throws {ServiceError} `unauthenticated`, `too_many_failures`; `jwks_unavailable` if an issuer's keys are needed and
 * cannot be fetched
 */
export type Authenticator = (presented: string, address?: string | null) => Promise<Principal>;

/** Longer than any key or JWT; longer texts are refused without hashing them. */
const PRESENTED_MAX_CHARACTERS = 8 * 1024;
/** Failures per minute that are answered with 401; further ones get 429. */
const FAILURES_PER_ADDRESS = 30;
const FAILURES_PER_KEY_AND_ADDRESS = 10;
/** Concurrent store lookups per address, so that a flood of keys does not exhaust the connection pool. */
const LOOKUPS_AT_ONCE = 8;

/** A revoked key stays accepted until its cached read expires. */
export function createAuthenticator(deps: {
  store: Store;
  configuredKeys: { key: Secret; principal: Principal }[];
  jwt: JwtConfig | null;
  logger: Logger;
  now: () => Date;
}): Authenticator {
  const { store, now } = deps;
  const configured = deps.configuredKeys.map(({ key, principal }) => ({
    digest: sha256(key.reveal()),
    principal,
  }));
  const verifyJwt = deps.jwt && createJwtVerifier(deps.jwt, deps);
  const known = new RecentReads<{ principal: Principal; readAt: Date }>();
  // Separate from the known keys, so that guesses cannot evict those. Keyed by the digest of the whole key, so that
  // response times do not reveal whether a key id exists.
  const refused = new RecentReads<{ readAt: Date }>();
  const lookups = new Turns(LOOKUPS_AT_ONCE);
  const failedByAddress = new FailedAttempts(FAILURES_PER_ADDRESS);
  const failedByKey = new FailedAttempts(FAILURES_PER_KEY_AND_ADDRESS);

  function configuredPrincipal(digest: Buffer): Principal | null {
    // Compares all digests, which have the same length, so that response times reveal nothing about the keys.
    let principal: Principal | null = null;
    for (const candidate of configured)
      if (timingSafeEqual(candidate.digest, digest)) principal = candidate.principal;
    return principal;
  }

  /** Cached by digest, so that no key is kept in memory. */
  async function storedPrincipal(
    presented: string,
    digest: string,
    address: string | null,
  ): Promise<Principal | null> {
    if (publicIdOf(presented) === null) return null;
    const at = now();
    const recent = known.get(digest, at);
    if (recent !== undefined) return recent.principal;
    if (refused.get(digest, at) !== undefined) return null;
    return lookups.take(address === null ? '' : subscriberOf(address), async () => {
      const readAt = now();
      const principal = await store.apiKeys.verify(presented);
      if (principal !== null) known.set(digest, { principal, readAt }, now());
      else refused.set(digest, { readAt }, now());
      return principal;
    });
  }

  async function recognise(presented: string, address: string | null): Promise<Principal> {
    const digest = sha256(presented);
    const own = configuredPrincipal(digest);
    if (own !== null) return own;
    if (looksLikeJwt(presented)) {
      if (!verifyJwt) {
        throw new ServiceError(
          'unauthenticated',
          'This server accepts no JWT, because neither JWT_SECRET nor JWKS_URL is set. Send an API key.',
        );
      }
      return verifyJwt(presented);
    }
    const stored = await storedPrincipal(presented, digest.toString('hex'), address);
    if (stored === null)
      throw new ServiceError(
        'unauthenticated',
        'This API key is unknown. It may be revoked or mistyped.',
      );
    return stored;
  }

  /** Counts the failure per address, and per public id of an API key. An unverified JWT has no trustworthy id. */
  function counted(failure: ServiceError, presented: string, address: string): ServiceError {
    const at = now();
    const subscriber = subscriberOf(address);
    const keyId = publicIdOf(presented);
    const waitSeconds = Math.max(
      failedByAddress.waitSeconds(subscriber, at),
      keyId === null ? 0 : failedByKey.waitSeconds(`${keyId} ${subscriber}`, at),
    );
    if (waitSeconds > 0) {
      const sentence = `${failure.message} Too many keys or JWTs from your address were refused. Try again in ${waitSeconds} s.`;
      return new ServiceError('too_many_failures', sentence, waitSeconds);
    }
    failedByAddress.record(subscriber, at);
    if (keyId !== null) failedByKey.record(`${keyId} ${subscriber}`, at);
    return failure;
  }

  return async (presented, address = null) => {
    if (presented.length > PRESENTED_MAX_CHARACTERS)
      throw new ServiceError(
        'unauthenticated',
        'The credential is too long for an API key or a JWT.',
      );
    try {
      return await recognise(presented, address);
    } catch (error) {
      // A genuine JWT is no guess, and its bearer needs the 401 to know that it must get a new one.
      const isGuess =
        error instanceof ServiceError &&
        error.code === 'unauthenticated' &&
        !(error instanceof GenuineJwtError);
      throw isGuess && address !== null ? counted(error, presented, address) : error;
    }
  };
}

/** The caller in notes and log entries: `key 9f…` or `jwt:<sub>`. */
export function callerName(keyId: string): string {
  return keyId.startsWith(JWT_KEY_ID_PREFIX) ? keyId : `key ${keyId}`;
}

function sha256(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}
