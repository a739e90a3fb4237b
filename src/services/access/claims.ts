/**
 * Validates the claims that name a person, in every token that an issuer signs. A claim outside these bounds is refused
 * before anything is stored: MongoDB changes malformed text, and an audit entry with it would not verify.
 */
import { z } from 'zod';
import {
  type AccountBounds,
  accountBounds,
  BOUND_MAX_CHARACTERS,
  BOUNDS_MAX,
} from '../../domain/access/account-bounds';
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

const boundList = (max: number) =>
  z.array(z.string().min(1).max(BOUND_MAX_CHARACTERS)).min(1).max(max).optional();
const Bounds = z.strictObject({
  providers: boundList(BOUNDS_MAX.providers),
  kinds: boundList(BOUNDS_MAX.kinds),
  accounts: boundList(BOUNDS_MAX.accounts),
});

/**
 * The claim `token_bounds` of a JWT. A claim that cannot be read never means "every account".
 * @throws {ServiceError} `unauthenticated`
 */
export function boundsClaim(claims: Claims): AccountBounds | undefined {
  const claim = claims['token_bounds'];
  if (claim === undefined) return undefined;
  const bounds = Bounds.safeParse(claim);
  const lists = bounds.success ? accountBounds(bounds.data) : undefined;
  if (lists !== undefined) return lists;
  throw new ServiceError(
    'unauthenticated',
    'The claim "token_bounds" of the JWT must be an object with at least one of "providers", "kinds" and "accounts", each a list of text.',
  );
}
