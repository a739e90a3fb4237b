/**
 * Verifies a JWT and reads the principal from it. The configuration, never the token, decides which algorithms are
 * accepted, so neither `none` nor a public key used as an HMAC secret passes.
 * @see [RFC 8725 §3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1)
 */
import {
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import type { Logger } from 'pino';
import { areBoundScopes, type Principal, SCOPES } from '../../domain/access/principal';
import type { Secret } from '../../domain/masking/secret';
import { ServiceError } from '../../domain/service-error';
import type { JwtConfig } from '../../process/config';
import { boundsClaim, organisationClaim, printableClaim, scopeNames } from './claims';

/** Tolerated difference of the issuer's clock, in seconds, for `exp` and `nbf`. */
export const CLOCK_TOLERANCE_SECONDS = 5;
/** How long, in ms, a failed fetch of the issuer's keys is not repeated. */
const FETCH_AGAIN_AFTER_MS = 1_000;
const HMAC = ['HS256', 'HS384', 'HS512'];
export const SIGNATURES =
  'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' ');
/** Prefix of the caller's key id if the caller authenticated with a JWT. */
export const JWT_KEY_ID_PREFIX = 'jwt:';
/** The latest time a `Date` can represent; an issuer may state a later one. */
const TIME_MAX_MS = 8.64e15;

/** The issuer signed this JWT, but it is not valid here: expired, for another audience, or without a required claim. */
export class GenuineJwtError extends ServiceError {}

/** @throws {ServiceError} `unauthenticated` with the defect; `jwks_unavailable` if the keys cannot be fetched */
export type JwtVerifier = (token: string) => Promise<Principal>;

/** Three parts separated by dots (RFC 7515 §7.1); the last one is empty if the token is unsigned. */
export function looksLikeJwt(text: string): boolean {
  return /^[^.]+\.[^.]+\.[^.]*$/.test(text);
}

/** When the JWT that authenticated the principal expires; `null` if the credential is not a JWT. */
export function jwtExpiresAt({ keyId }: Principal, presented: string): Date | null {
  const exp = keyId.startsWith(JWT_KEY_ID_PREFIX) ? decodeJwt(presented).exp : undefined;
  return exp === undefined ? null : new Date(Math.min(exp * 1000, TIME_MAX_MS));
}

export function createJwtVerifier(
  { keys, issuer, audience, organisationClaims }: JwtConfig,
  { logger, now }: { logger: Logger; now: () => Date },
): JwtVerifier {
  const isShared = 'secret' in keys;
  const algorithms = isShared ? HMAC : SIGNATURES;
  const getKey = isShared
    ? sharedKey(keys.secret)
    : publishedKeys(keys.jwksUrl, 'JWKS_URL', logger);
  const options = {
    algorithms,
    requiredClaims: ['exp', 'sub'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    ...(issuer === null ? {} : { issuer }),
    ...(audience === null ? {} : { audience }),
  };
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, getKey, { ...options, currentDate: now() });
      return principalOf(payload, organisationClaims);
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error;
      const sentence = sentenceOf(error, algorithms);
      // jose checks claims only after the signature, so the issuer did sign this token.
      throw error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed
        ? new GenuineJwtError('unauthenticated', sentence)
        : new ServiceError('unauthenticated', sentence);
    }
  };
}

function sharedKey(secret: Secret): JWTVerifyGetKey {
  const key = new TextEncoder().encode(secret.reveal());
  return () => key;
}

/**
 * The issuer's keys, fetched on demand and cached for ten minutes (jose's default). JWTs with a forged `kid` make jose
 * fetch at most once in 30 s if the issuer responds, and once in {@link FETCH_AGAIN_AFTER_MS} if it fails.
 * @param from the name of the setting, for messages
 */
export function publishedKeys(
  url: string,
  from: 'JWKS_URL' | 'OIDC_ISSUER',
  logger: Logger,
): JWTVerifyGetKey {
  let failedAt = Number.NEGATIVE_INFINITY;
  const jwks = createRemoteJWKSet(new URL(url), {
    [customFetch]: async (...request) => {
      if (performance.now() - failedAt < FETCH_AGAIN_AFTER_MS)
        throw new Error('the issuer did not answer a moment ago');
      return fetch(...request);
    },
  });
  return async (header, token) => {
    try {
      return await jwks(header, token);
    } catch (error) {
      if (
        error instanceof errors.JWKSNoMatchingKey ||
        error instanceof errors.JWKSMultipleMatchingKeys
      )
        throw error;
      // The keys are unavailable, which says nothing about the token.
      if (!(performance.now() - failedAt < FETCH_AGAIN_AFTER_MS)) failedAt = performance.now();
      logger.warn({ err: error }, `the keys of the JWT issuer could not be fetched (${from})`);
      throw new ServiceError(
        'jwks_unavailable',
        `The issuer's keys could not be fetched (${from}), so no JWT can be verified. Try again.`,
      );
    }
  };
}

/** `scope` as in RFC 8693 §4.2, `scp` and `scopes` as issuers write it; unknown scopes are ignored. */
function principalOf(payload: JWTPayload, organisationClaims: readonly string[]): Principal {
  const sub = printableClaim(payload, 'sub', 'JWT');
  const claim = organisationClaims.find((name) => payload[name] !== undefined);
  if (claim === undefined) {
    const names = organisationClaims.map((name) => `"${name}"`).join(' or ');
    throw refused(`The JWT names no organisation: it needs the claim ${names}.`);
  }
  const named = scopeNames(payload['scope'], payload['scp'], payload['scopes']);
  const scopes = SCOPES.filter((scope) => named.has(scope));
  const bounds = boundsClaim(payload);
  if (bounds !== undefined && !areBoundScopes(scopes))
    throw refused('A JWT with the claim "token_bounds" may only have the scope "tokens".');
  return {
    keyId: `${JWT_KEY_ID_PREFIX}${sub}`,
    organisation: organisationClaim(payload, claim, 'JWT'),
    scopes,
    ...(bounds === undefined ? {} : { bounds }),
  };
}

function refused(sentence: string): ServiceError {
  return new GenuineJwtError('unauthenticated', sentence);
}

const SENTENCES: Record<string, string> = {
  ERR_JWT_EXPIRED: 'The JWT has expired. Get a new one.',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED:
    'The signature of the JWT is wrong: it was signed with another key, or changed.',
  ERR_JWKS_NO_MATCHING_KEY:
    'The issuer (JWKS_URL) has no key for this JWT. Check its "kid" and "alg".',
  ERR_JWKS_MULTIPLE_MATCHING_KEYS:
    'The issuer (JWKS_URL) has several keys for this JWT. The JWT must name its key in "kid".',
};
const CLAIM_SENTENCES: Record<string, string> = {
  iss: 'The "iss" of the JWT is not the issuer in JWT_ISSUER.',
  aud: 'The "aud" of the JWT is not the audience in JWT_AUDIENCE.',
  nbf: 'The JWT is not valid yet: its "nbf" is in the future.',
};

/** Describes the error without any text from the token. */
function sentenceOf(error: errors.JOSEError, algorithms: readonly string[]): string {
  if (error instanceof errors.JOSEAlgNotAllowed)
    return `The JWT must be signed with one of ${algorithms.join(', ')}.`;
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.reason === 'missing') return `The JWT lacks the claim "${error.claim}".`;
    if (error.reason === 'invalid') return `The claim "${error.claim}" of the JWT is not a number.`;
    return CLAIM_SENTENCES[error.claim] ?? 'A claim of the JWT is invalid.';
  }
  return SENTENCES[error.code] ?? 'The credential looks like a JWT, but it cannot be decoded.';
}
