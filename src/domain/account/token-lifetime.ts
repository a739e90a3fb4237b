/**
 * Reads token lifetimes and expiry times as providers and exports state them. An implausible value is read as the time
 * it represents, or ignored; both give a warning, and no value is clamped silently.
 */

const DAY_SECONDS = 24 * 3600;

/** Longest plausible lifetime of an access token, in seconds. Beyond it no refresh would be due for years. */
export const ACCESS_TOKEN_LIFE_MAX_SECONDS = 400 * DAY_SECONDS;

/**
 * Longest plausible lifetime of a refresh token, in seconds: 20 years. A larger value is a placeholder for "never", and
 * with a larger limit any Unix time since 1990 would be read as a lifetime.
 */
export const REFRESH_TOKEN_LIFE_MAX_SECONDS = 20 * 365 * DAY_SECONDS;

/** Shortest lifetime, in seconds. A token that expires when it is issued is still stored as one that expires. */
const LIFE_MIN_SECONDS = 1;

/** Members of a token response that state the access token's expiry. The first readable one counts. */
export const ACCESS_TOKEN_EXPIRY_MEMBERS = [
  // Zoho sends both; its `expires_in` is in milliseconds.
  'expires_in_sec',
  'expires_in',
  'expiresIn',
  'expire_in',
  'access_token_expires_in',
  'access_token_expire_in',
  'accessTokenExpiresIn',
  'expires_at',
  'expiresAt',
  'expires_on',
  'access_token_expires_at',
  'accessTokenExpiresAt',
  'expiry',
  'expiry_date',
  'expiration',
  'expires',
] as const;

/** Members of a token response that state the refresh token's expiry. */
export const REFRESH_TOKEN_EXPIRY_MEMBERS = [
  'refresh_token_expires_in',
  'refresh_expires_in',
  'x_refresh_token_expires_in',
  'refresh_token_expire_in',
  'refreshTokenExpiresIn',
  'refresh_token_expires_at',
  'refreshTokenExpiresAt',
  'refresh_expires_at',
  'refresh_token_expires_on',
  'refresh_token_expiry',
  'refresh_token_expiration',
  'refresh_token_valid_time',
] as const;

/** Names that imply a lifetime or a time. TikTok's `refresh_token_expire_in` and Facebook's `expires` imply neither. */
const LIFE_NAME = /expires_?in(?:_sec)?$/i;
const MOMENT_NAME = /(?:_at|At|_on|expiry|expiry_date|expiration|valid_time)$/;

type Members = Readonly<Record<string, unknown>>;

export interface AccessTokenExpiry {
  expiresAt: Date;
  /** Problems found in the members, by name. They never contain a value. */
  warnings: string[];
}

export interface RefreshTokenExpiry {
  /** `null`: unknown. */
  expiresAt: Date | null;
  /** Whether the response states the expiry; otherwise it comes from the configuration. */
  isStated: boolean;
  warnings: string[];
}

/**
 * Returns when the access token of a token response expires. A lifetime counts from when the request was **sent**, so
 * that a slow response never extends a token. Without a stated expiry the default lifetime applies, never "does not
 * expire".
 */
export function accessTokenExpiry(
  members: Members,
  sentAt: Date,
  defaultLifeSeconds: number,
): AccessTokenExpiry {
  // A time of 0 means unset. A lifetime of 0 counts only if nothing else is stated.
  const names = ACCESS_TOKEN_EXPIRY_MEMBERS.filter(
    (name) => !(MOMENT_NAME.test(name) && isZero(members[name])),
  ).toSorted((a, b) => Number(isZero(members[a])) - Number(isZero(members[b])));
  const stated = firstReadable(members, names, sentAt, ACCESS_TOKEN_LIFE_MAX_SECONDS);
  if (stated.reading !== null)
    return { expiresAt: stated.reading.expiresAt, warnings: stated.warnings };
  return {
    expiresAt: after(sentAt, defaultLifeSeconds),
    warnings: stated.warnings.map(
      (warning) => `${warning}; Evergrant uses the configured lifetime`,
    ),
  };
}

/**
 * Returns when the refresh token of a token response expires: as stated, otherwise by the configured lifetime,
 * otherwise unknown. A lifetime of 0 is ignored: Keycloak sends it for sessions that do not expire.
 */
export function refreshTokenExpiry(
  members: Members,
  sentAt: Date,
  defaultLifeSeconds: number | null,
): RefreshTokenExpiry {
  const names = REFRESH_TOKEN_EXPIRY_MEMBERS.filter((name) => !isZero(members[name]));
  const { reading, warnings } = firstReadable(
    members,
    names,
    sentAt,
    REFRESH_TOKEN_LIFE_MAX_SECONDS,
  );
  if (reading !== null) return { expiresAt: reading.expiresAt, isStated: true, warnings };
  return {
    expiresAt: defaultLifeSeconds === null ? null : after(sentAt, defaultLifeSeconds),
    isStated: false,
    warnings: warnings.map(
      (warning) =>
        `${warning}; ${defaultLifeSeconds === null ? 'its expiry is unknown' : 'Evergrant uses the configured lifetime'}`,
    ),
  };
}

/** Checks an entered expiry against the limit that applies to token responses. */
export function judgeAccessTokenExpiry(
  expiresAt: Date,
  now: Date,
): 'plausible' | 'passed' | 'too_far' {
  const seconds = (expiresAt.getTime() - now.getTime()) / 1000;
  if (seconds > ACCESS_TOKEN_LIFE_MAX_SECONDS || Number.isNaN(seconds)) return 'too_far';
  return seconds <= 0 ? 'passed' : 'plausible';
}

/** Parses Unix seconds or milliseconds (number or text), ISO 8601 (UTC if no zone is given) or an HTTP date. */
export function readMoment(value: unknown): Date | null {
  const number = numberOf(value);
  if (number !== null) {
    // 1e11 ms is in 1973 and 1e11 s is in 5138, so larger numbers are milliseconds.
    const moment = new Date(Math.abs(number) < 1e11 ? number * 1000 : number);
    return Number.isNaN(moment.getTime()) ? null : moment;
  }
  return typeof value === 'string' ? dateOf(value.trim()) : null;
}

interface Reading {
  expiresAt: Date;
  kind: 'life' | 'moment';
}

function firstReadable(
  members: Members,
  names: readonly string[],
  sentAt: Date,
  maxSeconds: number,
): { reading: Reading | null; warnings: string[] } {
  const warnings: string[] = [];
  for (const name of names) {
    const value = members[name];
    if (value === undefined || value === null || value === '') continue;
    const reading = readExpiry(value, sentAt, maxSeconds);
    if (reading === null) {
      warnings.push(`${name} is neither a plausible lifetime nor a plausible time`);
      continue;
    }
    if (reading.kind === 'moment' && LIFE_NAME.test(name))
      warnings.push(
        `${name} is not a lifetime in seconds; Evergrant read it as the time of expiry`,
      );
    if (reading.kind === 'life' && MOMENT_NAME.test(name))
      warnings.push(`${name} is not a time; Evergrant read it as a lifetime in seconds`);
    return { reading, warnings };
  }
  return { reading: null, warnings };
}

/** Reads a small number as a lifetime, otherwise a time within the longest lifetime, or returns `null`. */
function readExpiry(value: unknown, sentAt: Date, maxSeconds: number): Reading | null {
  const number = numberOf(value);
  if (number !== null && number >= 0 && number <= maxSeconds)
    return { kind: 'life', expiresAt: after(sentAt, Math.max(number, LIFE_MIN_SECONDS)) };
  const moment = readMoment(value);
  if (moment === null) return null;
  const lifeMs = moment.getTime() - sentAt.getTime();
  return lifeMs > 0 && lifeMs <= maxSeconds * 1000 ? { kind: 'moment', expiresAt: moment } : null;
}

/** Reads a finite number, also from text. */
function numberOf(value: unknown): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'string' || !/^\s*[+-]?\d{1,20}(\.\d{1,20})?\s*$/.test(value)) return null;
  return Number(value);
}

function isZero(value: unknown): boolean {
  return numberOf(value) === 0;
}

const ISO =
  /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?) ?(Z|z|UTC|[+-]\d\d(?::?\d\d)?)?)?$/;
const HTTP_DATE = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;

function dateOf(text: string): Date | null {
  const [, day, time = '00:00', zone = 'Z'] = ISO.exec(text) ?? [];
  // PostgreSQL omits the minutes of a whole-hour offset: "+02".
  const offset = /^[+-]/.test(zone)
    ? `${zone.slice(0, 3)}:${zone.slice(3).slice(-2) || '00'}`
    : 'Z';
  const parsed = day === undefined ? httpDate(text) : Date.parse(`${day}T${time}${offset}`);
  return Number.isNaN(parsed) ? null : new Date(parsed);
}

function httpDate(text: string): number {
  return HTTP_DATE.test(text) ? Date.parse(text) : Number.NaN;
}

function after(at: Date, seconds: number): Date {
  return new Date(at.getTime() + seconds * 1000);
}
