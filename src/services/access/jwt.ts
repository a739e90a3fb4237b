/**
 * Verifies a JWT and reads from it who is asking. Which algorithms count is decided by the configuration, never by the
 * token: neither `none` nor a public key that is taken for a secret passes.
 * @see [RFC 8725 §3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1)
 */
import {
  createRemoteJWKSet,
  decodeJwt,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import type { JwtConfig } from '../config';
import { ORGANISATION_NAME } from '../domain/organisation';
import type { Secret } from '../domain/secret';
import { type Principal, SCOPES, type Scope } from '../store/api-keys';
import type { ApiDependencies } from './dependencies';
import { ApiError } from './errors';

/** How far the issuer's clock may be off, for `exp` and `nbf`. */
const CLOCK_TOLERANCE_SECONDS = 5;
const HMAC = ['HS256', 'HS384', 'HS512'];
const SIGNATURES = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' ');
/** What the log, the audit and an account's entries call whoever came with a JWT. */
export const JWT_KEY_ID_PREFIX = 'jwt:';
/** It is shown to people: no control characters, and OpenID Connect's bound. */
const SUBJECT = /^\P{C}{1,255}$/u;

/** @throws {ApiError} `unauthenticated` with what is wrong, `jwks_unavailable` where that cannot be told */
export type JwtVerifier = (token: string) => Promise<Principal>;

/** Three parts between dots (RFC 7515 §7.1), the last of which is empty where nothing was signed. */
export function looksLikeJwt(text: string): boolean {
  return /^[^.]+\.[^.]+\.[^.]*$/.test(text);
}

/** When the JWT ends by which somebody was recognised; `null`: it was no JWT. */
export function jwtExpiresAt({ keyId }: Principal, presented: string): Date | null {
  const exp = keyId.startsWith(JWT_KEY_ID_PREFIX) ? decodeJwt(presented).exp : undefined;
  return exp === undefined ? null : new Date(exp * 1000);
}

export function createJwtVerifier(
  { keys, issuer, audience, organisationClaims }: JwtConfig,
  { logger, now }: Pick<ApiDependencies, 'logger' | 'now'>,
): JwtVerifier {
  const isShared = 'secret' in keys;
  const algorithms = isShared ? HMAC : SIGNATURES;
  const getKey = isShared ? sharedKey(keys.secret) : publishedKeys(keys.jwksUrl, logger);
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
      if (error instanceof errors.JOSEError) throw refused(sentenceOf(error, algorithms));
      throw error;
    }
  };
}

function sharedKey(secret: Secret): JWTVerifyGetKey {
  const key = new TextEncoder().encode(secret.reveal());
  return () => key;
}

/** The issuer's keys, fetched when they are needed and kept for ten minutes (jose's default). */
function publishedKeys(url: string, logger: ApiDependencies['logger']): JWTVerifyGetKey {
  const jwks = createRemoteJWKSet(new URL(url));
  return async (header, token) => {
    try {
      return await jwks(header, token);
    } catch (error) {
      if (
        error instanceof errors.JWKSNoMatchingKey ||
        error instanceof errors.JWKSMultipleMatchingKeys
      )
        throw error;
      // Nothing is wrong with the token, as far as anybody can tell.
      logger.warn({ err: error }, 'JWKS_URL does not answer with keys');
      throw new ApiError(
        'jwks_unavailable',
        'The issuer does not answer with its keys (JWKS_URL), so no JWT can be verified. Try again.',
      );
    }
  };
}

function principalOf(payload: JWTPayload, organisationClaims: readonly string[]): Principal {
  const { sub } = payload;
  if (typeof sub !== 'string' || !SUBJECT.test(sub))
    throw refused('The claim "sub" of the JWT must be 1–255 printable characters.');
  const claim = organisationClaims.find((name) => payload[name] !== undefined);
  if (claim === undefined) {
    const names = organisationClaims.map((name) => `"${name}"`).join(' or ');
    throw refused(`The JWT names no organisation: it needs the claim ${names}.`);
  }
  const organisation = payload[claim];
  if (typeof organisation !== 'string' || !ORGANISATION_NAME.test(organisation)) {
    throw refused(`The claim "${claim}" of the JWT must be 1–64 letters, digits, ".", "_" or "-".`);
  }
  return { keyId: `${JWT_KEY_ID_PREFIX}${sub}`, organisation, scopes: scopesOf(payload) };
}

/** `scope` as RFC 8693 §4.2 has it, `scp` and `scopes` as issuers write it; what is not ours says nothing here. */
function scopesOf(payload: JWTPayload): Scope[] {
  const named = new Set(
    [payload['scope'], payload['scp'], payload['scopes']].flatMap((claim) =>
      typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : [],
    ),
  );
  return SCOPES.filter((scope) => named.has(scope));
}

function refused(sentence: string): ApiError {
  return new ApiError('unauthenticated', sentence);
}

const SENTENCES: Record<string, string> = {
  ERR_JWT_EXPIRED: 'The JWT has expired; get a new one.',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED:
    'The signature of the JWT is wrong: another key made it, or it was changed.',
  ERR_JWKS_NO_MATCHING_KEY:
    'The issuer (JWKS_URL) has no key for this JWT: see its "kid" and "alg".',
  ERR_JWKS_MULTIPLE_MATCHING_KEYS:
    'The issuer (JWKS_URL) has several keys for this JWT: it must name its own by "kid".',
};
const CLAIM_SENTENCES: Record<string, string> = {
  iss: 'The JWT is not from the issuer that JWT_ISSUER names.',
  aud: 'The JWT is not meant for the audience that JWT_AUDIENCE names.',
  nbf: 'The JWT is not valid yet; its "nbf" is ahead.',
};

/** What is wrong, without a word of the token. */
function sentenceOf(error: errors.JOSEError, algorithms: readonly string[]): string {
  if (error instanceof errors.JOSEAlgNotAllowed)
    return `The JWT must be signed with one of ${algorithms.join(', ')}.`;
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.reason === 'missing') return `The JWT lacks the claim "${error.claim}".`;
    if (error.reason === 'invalid') return `The claim "${error.claim}" of the JWT is no number.`;
    return CLAIM_SENTENCES[error.claim] ?? 'A claim of the JWT is not as it must be.';
  }
  return SENTENCES[error.code] ?? 'This has the form of a JWT, but cannot be read as one.';
}
