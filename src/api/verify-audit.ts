/** Whether the audit of an organisation is as it was written: entry by entry, and each batch of hand-outs row by row. */
import {
  type AuditBreak,
  type AuditEntry,
  type AuditHead,
  breakBetween,
  broken,
} from '../domain/audit';
import type { Store } from '../store/store';
import { digestOf } from '../store/token-handouts';
import type { Vault } from '../vault/vault';
import { HANDOUTS } from './handout-log';

export interface AuditVerification {
  /** Of the entries that were looked at; `null`: there were none. */
  first: number | null;
  last: { sequence: number; hash: string } | null;
  entries: number;
  handouts: number;
  /** The first place where it is not as it was written. */
  break: AuditBreak | null;
  /** Where to go on; `null`: this is all. */
  next: number | null;
}

export interface VerifyDependencies {
  store: Pick<Store, 'auditEntries' | 'tokenHandouts'>;
  vault: Pick<Vault, 'authenticationCode'>;
  now: () => Date;
}

/**
 * Looks at so many entries after a place.
 * @param after the entry there is taken for the one before, and was looked at with the page that ended with it; 0: from
 * the beginning
 */
export async function verifyAudit(
  deps: VerifyDependencies,
  { organisation, after, limit }: { organisation: string; after: number; limit: number },
): Promise<AuditVerification> {
  const { store, vault, now } = deps;
  const rules = { authenticate: (text: string) => vault.authenticationCode(text), now: now() };
  let before: AuditHead | null =
    after === 0 ? null : await store.auditEntries.find(organisation, after);
  const entries = await store.auditEntries.following(organisation, after, limit);
  const done: AuditVerification = {
    first: entries[0]?.sequence ?? null,
    last: null,
    entries: 0,
    handouts: 0,
    break: null,
    next: null,
  };
  for (const entry of entries) {
    done.break = breakBetween(before, entry, rules);
    if (done.break !== null) return done;
    if (entry.action === HANDOUTS) {
      // oxlint-disable-next-line no-await-in-loop -- a batch at a time is in memory, and no more
      const checked = await verifyBatch(deps, entry);
      if (typeof checked !== 'number') return { ...done, break: checked };
      done.handouts += checked;
    }
    done.entries += 1;
    done.last = { sequence: entry.sequence, hash: entry.hash };
    before = entry;
  }
  return { ...done, next: entries.length === limit ? (before?.sequence ?? null) : null };
}

/** What is wrong with an entry that somebody wrote down earlier, or `null`. */
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
      : broken(sequence, 'edited', 'It is another entry than the one that was known.');
  }
  const isOver = entry?.previous && Date.parse(entry.previous.keptUntil) <= now().getTime();
  return isOver ? null : broken(sequence, 'dropped', 'The entry that was known is missing.');
}

/** How many hand-outs of the batch are as they were written: none, once their time is over. */
async function verifyBatch(
  { store, now }: Pick<VerifyDependencies, 'store' | 'now'>,
  { organisation, id, sequence, details }: AuditEntry,
): Promise<number | AuditBreak> {
  const { count, sha256, kept_until: keptUntil } = details;
  if (Date.parse(String(keptUntil)) <= now().getTime()) return 0;
  const handouts = await store.tokenHandouts.ofBatch(organisation, id);
  if (handouts.length < Number(count)) {
    const missing = `Of ${String(count)} token hand-outs ${handouts.length} are there.`;
    return broken(sequence, 'dropped', missing);
  }
  if (digestOf({ organisation, handouts }) === sha256) return handouts.length;
  return broken(
    sequence,
    'edited',
    'The token hand-outs of this batch are not as they were written.',
  );
}
