/** The grant: a token pair with its clocks, sealed. This form, and no other, may pass through Temporal. */

/**
 * Times are ISO 8601 UTC, because the form crosses Temporal as JSON. Either there is a refresh token and an end, or
 * neither: an access token that does not end, as some providers issue.
 */
export interface SealedGrant {
  /** `ENC:v1:…`, see `vault/sealing.ts`. */
  accessToken: string;
  /** `null`: the access token does not end, and nothing can refresh it. */
  refreshToken: string | null;
  /** Keyed hashes: equal for equal tokens, and nothing can be computed back from them. */
  accessTokenFingerprint: string;
  refreshTokenFingerprint: string | null;
  /** `null`: it does not end. Only where the adapter says that there are such tokens; not known is never this. */
  expiresAt: string | null;
  refreshTokenExpiresAt: string | null;
  scopes: string[];
  obtainedAt: string;
  /** The attempt that brought it; `null` for a grant that an admin entered. */
  attemptId: string | null;
}

/** A static access token that an admin entered for an account, sealed: handed out only where refreshing fails. */
export interface SealedFallback {
  accessToken: string;
  accessTokenFingerprint: string;
  /** `null`: nobody said when it ends. */
  expiresAt: string | null;
}

/** How long the access token still lives, in milliseconds; infinity where it does not end, negative where it has. */
export function remainingLifeMs(
  { expiresAt: end }: Pick<SealedGrant, 'expiresAt'>,
  now: Date,
): number {
  return end === null ? Number.POSITIVE_INFINITY : Date.parse(end) - now.getTime();
}

/** Access token lives outside these bounds are a provider's slip: a timer or an index must survive them. */
const LIFE_MIN_SECONDS = 1;
const LIFE_MAX_SECONDS = 400 * 24 * 3600;

/**
 * The moment an access token ends. Counted from when the request was **sent**, so that a slow answer never makes a
 * token look younger than it is. An unknown life is the provider's default, never "never".
 */
export function expiresAt(
  sentAt: Date,
  expiresInSeconds: unknown,
  defaultLifeSeconds: number,
): Date {
  // An empty string is no number, though Number('') is 0.
  const text = typeof expiresInSeconds === 'string' && expiresInSeconds.trim() !== '';
  const stated = text ? Number(expiresInSeconds) : expiresInSeconds;
  const life =
    typeof stated === 'number' && Number.isFinite(stated) && stated >= 0
      ? Math.min(Math.max(stated, LIFE_MIN_SECONDS), LIFE_MAX_SECONDS)
      : defaultLifeSeconds;
  return new Date(sentAt.getTime() + life * 1000);
}
