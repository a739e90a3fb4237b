/**
 * Verifies the audit of an organisation: every entry of each chain, and the end of each chain against its anchor in
 * Temporal. A bad entry is named, and the check continues after it.
 */
import {
  type AuditBreak,
  type AuditLink,
  broken,
  type CheckRules,
  checkEntry,
} from '../../domain/audit/audit';
import type { AuditAnchor, AuditChain } from '../../domain/audit/audit-anchor';
import { ServiceError } from '../../domain/service-error';
import type { Store } from '../../store/store';
import type { Vault } from '../../vault/vault';
import { type AuditAnchors, entriesOf } from './audit-anchors';

export interface AuditVerification {
  /** The first entry checked; `null` if there was none. */
  first: number | null;
  last: { sequence: number; hash: string } | null;
  /** Number of intact entries. */
  entries: number;
  /** Number of accesses, for the chain of token accesses. */
  accesses: number;
  /** The first breaks of the chain, at most {@link BREAKS_MAX}. */
  breaks: AuditBreak[];
  breaksTotal: number;
  /** When the oldest checked entry was written. */
  oldestAt: string | null;
  /** Where to continue; `null` at the end. */
  next: number | null;
}

/**
 * `matches`: the chain contains its anchor. `broken`: it does not. `none`: the chain is too young for an anchor.
 * `missing`: it should have one. `unreachable`: Temporal does not respond.
 */
export const ANCHOR_STATES = ['matches', 'broken', 'none', 'missing', 'unreachable'] as const;

export interface AnchorVerification {
  state: (typeof ANCHOR_STATES)[number];
  sequence: number | null;
  /** A sentence, if the state is not `matches`. */
  message: string | null;
}

export interface VerifyDependencies {
  store: Pick<Store, 'auditEntries' | 'tokenAccesses'>;
  vault: Pick<Vault, 'authenticationCode'>;
  now: () => Date;
}

/** Breaks listed per page. */
export const BREAKS_MAX = 20;
/** Age, in ms, from which a chain must have an anchor: several rounds of anchoring. */
const ANCHORED_AFTER_MS = 5 * 60_000;

/**
 * Checks `limit` entries after a place.
 * @param after the sequence of the previous page's last entry, which that page has checked; 0 to start at the beginning
 */
export async function verifyAudit(
  { store, vault, now }: VerifyDependencies,
  {
    organisation,
    chain = 'actions',
    after,
    limit,
  }: { organisation: string; chain?: AuditChain; after: number; limit: number },
): Promise<AuditVerification> {
  const stored = entriesOf(store, chain);
  const rules = {
    authenticate: (text: string) => vault.authenticationCode('audit', text),
    now: now(),
  };
  let before = after === 0 ? null : await linkAt(stored, { organisation, after }, rules);
  const entries = await stored.following(organisation, after, limit);
  const last = entries.at(-1);
  const done: AuditVerification = {
    first: entries[0]?.sequence ?? null,
    last: last === undefined ? null : { sequence: last.sequence, hash: last.hash },
    entries: 0,
    accesses: 0,
    breaks: [],
    breaksTotal: 0,
    oldestAt: entries[0]?.at ?? null,
    next: entries.length === limit ? (last?.sequence ?? null) : null,
  };
  for (const entry of entries) {
    const findsMoved = done.breaks.length < BREAKS_MAX;
    const { found, link } = checkEntry(before, entry, { ...rules, findsMoved });
    before = link;
    if (found !== null) {
      done.breaksTotal += 1;
      if (findsMoved) done.breaks.push(found);
    }
    if (found !== null && found.kind !== 'dropped') continue;
    done.entries += 1;
    if (chain === 'token-accesses') done.accesses += Number(entry.details['count']);
  }
  return done;
}

/** The entry at the end of the previous page. */
async function linkAt(
  stored: ReturnType<typeof entriesOf>,
  { organisation, after }: { organisation: string; after: number },
  rules: Omit<CheckRules, 'findsMoved'>,
): Promise<AuditLink> {
  const entry = await stored.find(organisation, after);
  if (entry === null) return { sequence: after, hash: null };
  const before = { sequence: after - 1, hash: null };
  return checkEntry(before, entry, { ...rules, findsMoved: false }).link;
}

/** Compares a chain with its anchor in Temporal. */
export async function verifyAnchor(
  { store, anchors, now }: VerifyDependencies & { anchors: Pick<AuditAnchors, 'read'> },
  { organisation, chain }: { organisation: string; chain: AuditChain },
  oldestAt: string | null,
): Promise<AnchorVerification> {
  let anchor: AuditAnchor | null;
  try {
    anchor = await anchors.read(chain, organisation);
  } catch {
    return {
      state: 'unreachable',
      sequence: null,
      message: 'Temporal is unreachable, so the end of the chain was not compared. Try again.',
    };
  }
  if (anchor === null) {
    const isDue = oldestAt !== null && now().getTime() - Date.parse(oldestAt) > ANCHORED_AFTER_MS;
    if (!isDue) return { state: 'none', sequence: null, message: null };
    return {
      state: 'missing',
      sequence: null,
      message:
        'Temporal has no anchor of this chain: its database was lost, or the workflow of the anchor was deleted. Evergrant anchors the next entry.',
    };
  }
  const { sequence, hash } = anchor;
  const entry = await entriesOf(store, chain).find(organisation, sequence);
  if (entry === null ? Date.parse(anchor.keptUntil) <= now().getTime() : entry.hash === hash)
    return { state: 'matches', sequence, message: null };
  const message =
    entry === null
      ? `Entry ${sequence}, which Temporal anchors, is missing: the end or the whole chain was removed.`
      : `Entry ${sequence} differs from the entry that Temporal anchors: the chain was replaced.`;
  return { state: 'broken', sequence, message };
}

export const KNOWN_ENTRY = /^[1-9]\d{0,14}:[\w-]{43}$/;
export const KNOWN_ENTRY_FORM = 'must be <sequence>:<hash>, as returned by an earlier verification';

/** @throws {ServiceError} `invalid_request` unless the text is `<sequence>:<hash>` */
export function knownEntry(text: string): { sequence: number; hash: string } {
  if (!KNOWN_ENTRY.test(text))
    throw new ServiceError('invalid_request', `known: ${KNOWN_ENTRY_FORM}`);
  const [sequence = '', hash = ''] = text.split(':');
  return { sequence: Number(sequence), hash };
}

/** The problem with an entry that an auditor noted earlier; `null` if it is intact. */
export async function verifyKnown(
  { store, now }: Pick<VerifyDependencies, 'store' | 'now'>,
  organisation: string,
  known: { sequence: number; hash: string },
): Promise<AuditBreak | null> {
  const { sequence, hash } = known;
  const [entry] = await store.auditEntries.following(organisation, sequence - 1, 1);
  if (entry?.sequence === sequence) {
    return entry.hash === hash
      ? null
      : broken(sequence, 'edited', 'It differs from the known entry.');
  }
  const isOver = entry?.previous && Date.parse(entry.previous.keptUntil) <= now().getTime();
  return isOver ? null : broken(sequence, 'dropped', 'The known entry is missing.');
}
