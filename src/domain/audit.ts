/**
 * The audit as a chain: each entry holds the hash of the one before it, under a key that whoever can write to the
 * database does not have. So an entry that was changed, taken out or moved is found, and which is the first.
 */

/** What may be said of an action: no secret, and nothing as a caller wrote it unless it was masked. */
export type AuditDetails = Readonly<Record<string, string | number | boolean | readonly string[]>>;

export interface AuditEvent {
  /** Given when it is made, so that what is written twice is there once. */
  id: string;
  /** ISO 8601 UTC. */
  at: string;
  organisation: string;
  /** Who did it: the id of an API key, `jwt:<sub>`, or whoever an OpenID provider vouched for. */
  actor: string;
  action: string;
  details: AuditDetails;
}

export interface AuditEntry extends AuditEvent {
  /** From 1, without a gap. */
  sequence: number;
  /** When it may be removed; never before the entry that came before it. */
  keptUntil: string;
  /** Of the entry before; `null` for the first. `keptUntil` is what allows a chain to begin later than at 1. */
  previous: { hash: string; keptUntil: string } | null;
  hash: string;
}

/** The end of a chain, as the next entry needs it. */
export type AuditHead = Pick<AuditEntry, 'sequence' | 'hash' | 'keptUntil'>;

/** A keyed hash of a text. */
export type Authenticate = (text: string) => string;

export interface AuditBreak {
  /** Where the chain is no longer what was written. */
  sequence: number;
  kind: 'edited' | 'dropped' | 'reordered';
  message: string;
}

/** The entry that follows a head with this event. */
export function nextEntry(
  event: AuditEvent,
  head: AuditHead | null,
  { retentionMs, authenticate }: { retentionMs: number; authenticate: Authenticate },
): AuditEntry {
  const ends = new Date(Date.parse(event.at) + retentionMs).toISOString();
  const entry = {
    ...event,
    sequence: (head?.sequence ?? 0) + 1,
    keptUntil: head !== null && head.keptUntil > ends ? head.keptUntil : ends,
    previous: head === null ? null : { hash: head.hash, keptUntil: head.keptUntil },
  };
  return { ...entry, hash: authenticate(canonical(entry)) };
}

/** Entries are looked for so far from where they stand, to tell a moved one from one that was changed. */
const MOVED_MAX = 1_000;

/**
 * What is wrong between an entry and the one that stands before it, or `null`. A gap is right only where the entry
 * behind it says that the time of what is missing was over.
 * @param before `null` at the beginning of the chain
 */
export function breakBetween(
  before: AuditHead | null,
  entry: AuditEntry,
  { authenticate, now }: { authenticate: Authenticate; now: Date },
): AuditBreak | null {
  const { sequence, previous } = entry;
  const isOwn = (at: number) => authenticate(canonical({ ...entry, sequence: at })) === entry.hash;
  if (!isOwn(sequence)) {
    for (let distance = 1; distance <= MOVED_MAX; distance += 1) {
      const from = [sequence - distance, sequence + distance].find(isOwn);
      if (from !== undefined)
        return broken(sequence, 'reordered', `What stands here was written as entry ${from}.`);
    }
    return broken(
      sequence,
      'edited',
      'It is not as it was written, or was not written by Evergrant.',
    );
  }
  const expected = (before?.sequence ?? 0) + 1;
  if (sequence !== expected) {
    const isOver = previous !== null && Date.parse(previous.keptUntil) <= now.getTime();
    if (isOver) return null;
    const last = sequence - 1;
    const which = last === expected ? `Entry ${last} is` : `Entries ${expected} to ${last} are`;
    return broken(expected, 'dropped', `${which} missing, before the time for it.`);
  }
  if ((previous?.hash ?? null) !== (before?.hash ?? null))
    return broken(
      sequence,
      'reordered',
      'It was written after another entry than the one before it.',
    );
  return null;
}

export function broken(sequence: number, kind: AuditBreak['kind'], message: string): AuditBreak {
  return { sequence, kind, message };
}

/** One text for one entry, whatever the order in which a database gives its members back. */
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
