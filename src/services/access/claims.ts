/**
 * Validates the claims that name a person, in every token that an issuer signs. A claim outside these bounds is refused
 * before anything is stored: MongoDB changes malformed text, and an audit entry with it would not verify.
 */
import { ORGANISATION_NAME } from '../../domain/access/organisation';
import { ServiceError } from '../../domain/service-error';

export type Claims = Readonly<Record<string, unknown>>;

/** The name of the token in messages. */
export type TokenName = 'JWT' | 'ID token' | 'logout token';

/** Printable characters: no control characters, no lone surrogates. OpenID Connect Core §2 bounds the length. */
const PRINTABLE = /^\P{C}{1,255}$/u;

/** @throws {ServiceError} `unauthenticated` */
export function printableClaim(claims: Claims, name: 'sub' | 'sid', token: TokenName): string {
  const claim = claims[name];
  if (typeof claim === 'string' && PRINTABLE.test(claim)) return claim;
  throw new ServiceError(
    'unauthenticated',
    `The claim "${name}" of the ${token} must be 1–255 printable characters.`,
  );
}

/** @throws {ServiceError} `unauthenticated` */
export function organisationClaim(claims: Claims, name: string, token: TokenName): string {
  const claim = claims[name];
  if (typeof claim === 'string' && ORGANISATION_NAME.test(claim)) return claim;
  throw new ServiceError(
    'unauthenticated',
    `The claim "${name}" of the ${token} must be 1–64 letters, digits, ".", "_" or "-".`,
  );
}

/** The scope names in claims: arrays, or space-separated strings as in OAuth. */
export function scopeNames(...claims: unknown[]): ReadonlySet<unknown> {
  return new Set(
    claims.flatMap((claim): unknown[] =>
      typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : [],
    ),
  );
}
