/** Reads members of another system's export. Names differ by version, and values may have any type. */

export type Fields = Record<string, unknown>;

/** Maximum number of wrappers around the entries. No known system uses more. */
const WRAPPERS_MAX = 3;
/** Limits of `POST /api/admin/accounts`. More or longer scopes would make the API refuse the whole account. */
const SCOPES_MAX = 100;
const SCOPE_MAX_CHARACTERS = 500;
/** A time outside of these years is a number with another meaning. */
const EARLIEST_MS = Date.UTC(2000, 0);
const LATEST_MS = Date.UTC(2200, 0);

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the first of these members with a value. Reads own members only, so that `constructor` is never found. */
export function member(value: unknown, ...names: string[]): unknown {
  if (!isFields(value)) return undefined;
  for (const name of names) {
    const found = Object.hasOwn(value, name) ? value[name] : undefined;
    if (found !== undefined && found !== null && found !== '') return found;
  }
  return undefined;
}

export function text(value: unknown, ...names: string[]): string | undefined {
  const found = member(value, ...names);
  return typeof found === 'string' ? found : undefined;
}

/** Reads an id: a string, a number in some versions, or MongoDB's `{"$oid": "…"}`. */
export function id(value: unknown, ...names: string[]): string | undefined {
  const found = member(value, ...names);
  if (typeof found === 'number') return String(found);
  return typeof found === 'string' ? found : text(found, '$oid');
}

/** Reads an object, also if it is JSON text in a text column, or encoded twice after a change of the column's type. */
export function fields(value: unknown, ...names: string[]): Fields | undefined {
  let found = member(value, ...names);
  for (let times = 0; times < 2 && typeof found === 'string'; times += 1) {
    try {
      found = JSON.parse(found);
    } catch {
      return undefined;
    }
  }
  return isFields(found) ? found : undefined;
}

/**
 * Returns the entries of an export: a list, a single object, or either within one of the `wrappers` (`{"connections":
 * […]}`). Other values are returned unchanged, so that the reader can refuse them by position.
 */
export function entries(value: unknown, wrappers: readonly string[]): unknown[] {
  let found = value;
  for (let depth = 0; depth < WRAPPERS_MAX && isFields(found); depth += 1) {
    const inner = member(found, ...wrappers);
    if (typeof inner !== 'object' || inner === null) break;
    found = inner;
  }
  return Array.isArray(found) ? found : [found];
}

/** Reads a number, a numeric string, or MongoDB's `{"$numberLong": "…"}`. */
export function number(value: unknown): number | undefined {
  const plain = isFields(value) ? member(value, '$numberInt', '$numberLong') : value;
  if (typeof plain === 'string' && /^\d{1,16}(?:\.\d+)?$/.test(plain)) return Number(plain);
  return typeof plain === 'number' && Number.isFinite(plain) ? plain : undefined;
}

export function secondsMoment(value: unknown): Date | undefined {
  const seconds = number(value);
  return seconds === undefined ? undefined : plausible(seconds * 1000);
}

export function millisecondsMoment(value: unknown): Date | undefined {
  const milliseconds = number(value);
  return milliseconds === undefined ? undefined : plausible(milliseconds);
}

const TIME =
  /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(\.\d{1,9})?(?:(Z)|([+-]\d\d)(?::?(\d\d))?)?$/;

/**
 * Reads a time in ISO 8601, in PostgreSQL's format, or as MongoDB's `{"$date": "…"}`. A time without a zone is the
 * server's local time, which is unknown, unless the caller says that it is UTC.
 */
export function timeMoment(value: unknown, withoutZone?: 'UTC'): Date | undefined {
  const plain = isFields(value) ? member(value, '$date') : value;
  if (isFields(plain)) return millisecondsMoment(member(plain, '$numberLong'));
  if (typeof plain !== 'string') return undefined;
  const [matched, date, time, fraction = '', z, hours, minutes = '00'] = TIME.exec(plain) ?? [];
  if (matched === undefined) return undefined;
  const zone = hours === undefined ? (z ?? (withoutZone && 'Z')) : `${hours}:${minutes}`;
  if (zone === undefined) return undefined;
  return plausible(Date.parse(`${date}T${time}${fraction.slice(0, 4)}${zone}`));
}

/** Reads a time stored in SQLite, which has no type for it: ISO 8601, milliseconds or seconds, depending on the ORM. */
export function anyMoment(value: unknown): Date | undefined {
  return timeMoment(value) ?? millisecondsMoment(value) ?? secondsMoment(value);
}

function plausible(milliseconds: number): Date | undefined {
  return milliseconds >= EARLIEST_MS && milliseconds <= LATEST_MS
    ? new Date(milliseconds)
    : undefined;
}

/** Reads scopes from a list, or from a string separated by blanks or commas. */
export function scopes(value: unknown): string[] | undefined {
  const list =
    typeof value === 'string' ? value.split(/[\s,]+/) : Array.isArray(value) ? value : [];
  const found = list.filter(
    (scope): scope is string =>
      typeof scope === 'string' && scope !== '' && scope.length <= SCOPE_MAX_CHARACTERS,
  );
  return found.length === 0 || found.length > SCOPES_MAX ? undefined : [...new Set(found)];
}

/** Whether a secret is masked, as APIs return it to a caller who may not read it. */
export function isMasked(secret: string): boolean {
  return /^(?:\*+|REDACTED|\[redacted\])$/i.test(secret);
}

/** Formats a name as `connection abc`, or as the kind alone if the id may not be a real id. */
export function entryName(kind: string, of: string | undefined): string {
  return of !== undefined && /^[\p{L}\p{N} _.@:+|/-]{1,80}$/u.test(of) ? `${kind} ${of}` : kind;
}
