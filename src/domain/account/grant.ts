/** The grant: an encrypted token pair with its expiry. Tokens pass through Temporal only in this form. */
import { PROVIDER_VALUES_MAX } from './grant-bounds';

/**
 * Values beside the tokens that applications need, such as the base of the API or the id of the company, by the names in
 * the provider file. None of them is a token.
 */
export type ProviderValues = Readonly<Record<string, string>>;

/**
 * Times are ISO 8601 UTC strings because Temporal stores the grant as JSON. A grant without a refresh token has an
 * access token that does not expire, as some providers issue. An account with credentials holds them in place of the
 * refresh token, so that a reconnect, a key rotation and a disconnection treat both alike. They are encrypted for their
 * grant type, so that they never open as a refresh token.
 */
export interface SealedGrant {
  /** `ENC:v1:…`, see `vault/sealing.ts`. `null`: no access token yet; the first refresh obtains one. */
  accessToken: string | null;
  /** Or the credentials, see above. `null`: the access token does not expire and cannot be refreshed. */
  refreshToken: string | null;
  /** Keyed hashes. Equal tokens have equal fingerprints, and a fingerprint does not reveal its token. */
  accessTokenFingerprint: string | null;
  refreshTokenFingerprint: string | null;
  /** `null`: the token does not expire. Allowed only if the adapter says so; an unknown expiry is never `null`. */
  expiresAt: string | null;
  refreshTokenExpiresAt: string | null;
  /**
   * When the refresh tokens of this consent expire, however often they rotate. Absent: the provider has no such end, or
   * the time of the consent is unknown, as for an entered grant; the end then counts from the next response with a new
   * refresh token.
   */
  refreshTokenEndsAt?: string;
  scopes: string[];
  /** Absent: the provider stated none. */
  providerValues?: ProviderValues;
  obtainedAt: string;
  /** The attempt that obtained the grant. `null`: an admin entered it. */
  attemptId: string | null;
  /** The generation of the account that the tokens are sealed for, in which this grant is or was the current one. */
  generation: number;
}

/** Returns the values of a new grant: the stated ones, and the earlier ones that no response repeats. */
export function withProviderValues(
  before: ProviderValues = {},
  stated: ProviderValues = {},
): Pick<SealedGrant, 'providerValues'> {
  const named = Object.entries(stated);
  const kept = Object.entries(before).filter(([name]) => !Object.hasOwn(stated, name));
  const values = [...named, ...kept].slice(0, PROVIDER_VALUES_MAX);
  return values.length === 0 ? {} : { providerValues: Object.fromEntries(values) };
}

/**
 * Returns a grant that replaces another one of its account. A person who enters a grant states no provider values, so
 * the earlier ones stay: without them, its refresh token would be sent to the default host.
 */
export function replacingGrant(grant: SealedGrant, before: SealedGrant): SealedGrant {
  return grant.attemptId === null
    ? { ...grant, ...withProviderValues(before.providerValues, grant.providerValues) }
    : grant;
}

export const FIRST_GENERATION = 1;
/** For grants that were never current: candidates and fallback tokens. */
export const NO_GENERATION = 0;

/** A static access token that an admin entered, encrypted. It is served only if refreshing fails. */
export interface SealedFallback {
  accessToken: string;
  accessTokenFingerprint: string;
  /** `null`: the expiry is unknown. */
  expiresAt: string | null;
}

/** Total lifetime of a token in ms, from when its grant was obtained. Never negative. */
export function lifeMs({ obtainedAt }: Pick<SealedGrant, 'obtainedAt'>, end: string): number {
  return Math.max(0, Date.parse(end) - Date.parse(obtainedAt));
}

/** Remaining lifetime of the access token in ms: infinite if it does not expire, zero or negative if it has expired. */
export function remainingLifeMs(
  { expiresAt: end }: Pick<SealedGrant, 'expiresAt'>,
  now: Date,
): number {
  return end === null ? Number.POSITIVE_INFINITY : Date.parse(end) - now.getTime();
}
