/**
 * The audit as a hash chain. Each entry holds the hash of the previous one, keyed with a key that database access alone
 * does not give. Edited, removed and moved entries are therefore detected, and the first one is named.
 */

/** Details of an action. They contain no secret, and caller-supplied text only if it is masked. */
export type AuditDetails = Readonly<Record<string, string | number | boolean | readonly string[]>>;

export interface AuditEvent {
  /** Chosen when the event is created, so that a repeated write stores one entry. */
  id: string;
  /** ISO 8601 UTC. */
  at: string;
  organisation: string;
  /** An API key id, `jwt:<sub>`, or the subject from an OpenID provider. */
  actor: string;
  action: string;
  details: AuditDetails;
}

export interface AuditEntry extends AuditEvent {
  /** Starts at 1, without gaps. */
  sequence: number;
  /** From this time on the entry may be removed. Never earlier than that of the previous entry. */
  keptUntil: string;
  /** `null` for the first entry. The previous `keptUntil` proves that earlier entries were allowed to be removed. */
  previous: { hash: string; keptUntil: string } | null;
  hash: string;
}

/** Whether an action was refused or failed, by the status of the response. */
export function isFailure({ details }: { details: Readonly<Record<string, unknown>> }): boolean {
  const { status } = details;
  return typeof status === 'number' && status >= 400;
}

/** The end of a chain: the fields that the next entry needs. */
export type AuditHead = Pick<AuditEntry, 'sequence' | 'hash' | 'keptUntil'>;

export interface AuditLink {
  sequence: number;
  /** `null`: the entry is missing or was edited, so its hash cannot be trusted. */
  hash: string | null;
}

export type Authenticate = (text: string) => string;

export interface AuditBreak {
  /** Where the chain differs from what was written. */
  sequence: number;
  kind: 'edited' | 'dropped' | 'reordered';
  message: string;
}

/** Maximum length of a stored text, in characters. Longer than any actor; longer text is cut. */
const TEXT_MAX = 500;

/**
 * Converts text to a form that MongoDB returns unchanged: not empty, bounded, without NUL and unpaired surrogates.
 * Otherwise the hash would not match when the entry is read.
 */
export function storable(text: string): string {
  const cut = text.length > TEXT_MAX ? text.slice(0, TEXT_MAX) : text;
  // eslint-disable-next-line no-control-regex
  const kept = cut.replace(/[\p{Surrogate}\u0000]/gu, '\ufffd');
  return kept === '' ? '\ufffd' : kept;
}

/** Builds the entry that follows a head. */
export function nextEntry(
  event: AuditEvent,
  head: AuditHead | null,
  { retentionMs, authenticate }: { retentionMs: number; authenticate: Authenticate },
): AuditEntry {
  const ends = new Date(Date.parse(event.at) + retentionMs).toISOString();
  const entry = {
    ...event,
    actor: storable(event.actor),
    action: storable(event.action),
    details: readBack(event.details),
    sequence: (head?.sequence ?? 0) + 1,
    keptUntil: head !== null && head.keptUntil > ends ? head.keptUntil : ends,
    previous: head === null ? null : { hash: head.hash, keptUntil: head.keptUntil },
  };
  return { ...entry, hash: authenticate(canonical(entry)) };
}

/** How far, in entries, to search for the original place of a moved entry. Each step computes two hashes. */
const MOVED_MAX = 1_000;

export interface CheckRules {
  authenticate: Authenticate;
  now: Date;
  /** `false`: reports a moved entry as edited, which is cheaper to detect. */
  findsMoved: boolean;
}

/**
 * Checks an entry against the previous one. Missing entries are valid only if this entry proves that their retention
 * was over.
 * @param before `null` at the beginning of the chain
 * @returns the break, or `null`, and the link for the next check
 */
export function checkEntry(
  before: AuditLink | null,
  entry: AuditEntry,
  { authenticate, now, findsMoved }: CheckRules,
): { found: AuditBreak | null; link: AuditLink } {
  const { sequence, previous } = entry;
  const isOwn = (at: number) => authenticate(canonical({ ...entry, sequence: at })) === entry.hash;
  const expected = (before?.sequence ?? 0) + 1;
  if (!isOwn(sequence)) {
    const from = findsMoved ? writtenAt(sequence, isOwn) : null;
    const found =
      from === null
        ? broken(sequence, 'edited', 'It was edited, or Evergrant did not write it.')
        : broken(sequence, 'reordered', `This entry was written as entry ${from} and then moved.`);
    const isPlace = Number.isSafeInteger(sequence) && sequence >= expected;
    return { found, link: { sequence: isPlace ? sequence : expected - 1, hash: null } };
  }
  const link = { sequence, hash: entry.hash };
  if (sequence < expected)
    return { found: broken(sequence, 'reordered', 'Two entries have this sequence number.'), link };
  if (sequence > expected) {
    const isOver = previous !== null && Date.parse(previous.keptUntil) <= now.getTime();
    if (isOver) return { found: null, link };
    const last = sequence - 1;
    const which = last === expected ? `Entry ${last} is` : `Entries ${expected} to ${last} are`;
    return {
      found: broken(
        expected,
        'dropped',
        `${which} missing, although the retention time is not over.`,
      ),
      link,
    };
  }
  const isLinked =
    before === null ? previous === null : before.hash === null || previous?.hash === before.hash;
  const found = isLinked
    ? null
    : broken(
        sequence,
        'reordered',
        'It was written after a different entry than the previous one.',
      );
  return { found, link };
}

/** Finds the sequence for which a moved entry was written, or `null` if it is not within MOVED_MAX. */
function writtenAt(sequence: number, isOwn: (at: number) => boolean): number | null {
  for (let distance = 1; distance <= MOVED_MAX; distance += 1) {
    const from = [sequence - distance, sequence + distance].find(isOwn);
    if (from !== undefined) return from;
  }
  return null;
}

export function broken(sequence: number, kind: AuditBreak['kind'], message: string): AuditBreak {
  return { sequence, kind, message };
}

/** Normalises details as JSON does: drops undefined members and replaces NaN and infinities with `null`. */
function readBack(details: AuditDetails): AuditDetails {
  return JSON.parse(JSON.stringify(details));
}

/** Serialises an entry independently of the order in which the database returns its members. */
function canonical(entry: Omit<AuditEntry, 'hash'>): string {
  const { organisation, sequence, id, at, actor, action, details, keptUntil, previous } = entry;
  return JSON.stringify([
    organisation,
    sequence,
    id,
    at,
    actor,
    action,
    Object.entries(details).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    keptUntil,
    previous && [previous.hash, previous.keptUntil],
  ]);
}
