/**
 * Writes the audit of an organisation, one entry after the other. Several processes may write to one chain: each goes
 * on from the end that it knows, and who finds the place taken looks again.
 */
import { randomUUID } from 'node:crypto';
import { type AuditEntry, type AuditEvent, type AuditHead, nextEntry } from '../domain/audit';
import type { AuditEntries } from '../store/audit-entries';
import type { Vault } from '../vault/vault';

export interface NewAuditEvent extends Omit<AuditEvent, 'id' | 'at'> {
  /** Where it may be tried again: the same each time. */
  id?: string;
}

export interface AuditLog {
  /** Resolves when it is written, for good; rejects where it could not be. */
  append(event: NewAuditEvent): Promise<AuditEntry>;
}

export interface AuditDependencies {
  store: { auditEntries: Pick<AuditEntries, 'head' | 'insert'> };
  vault: Pick<Vault, 'authenticationCode'>;
  retentionDays: number;
  now: () => Date;
}

const DAY_MS = 24 * 3600 * 1000;
/** Chains whose ends are known without looking; more than write at the same time. */
const HEADS_MAX = 1_000;
/** Each try that fails is somebody else's success; so many in a row are something else. */
const TRIES_MAX = 1_000;

export function createAuditLog({ store, vault, retentionDays, now }: AuditDependencies): AuditLog {
  const heads = new Map<string, AuditHead>();
  /** Within one process entries of one chain wait for each other, instead of taking each other's places. */
  const waiting = new Map<string, Promise<unknown>>();
  const rules = {
    retentionMs: retentionDays * DAY_MS,
    authenticate: (text: string) => vault.authenticationCode(text),
  };

  async function write(event: AuditEvent): Promise<AuditEntry> {
    const { organisation } = event;
    for (let tried = 0; tried < TRIES_MAX; tried += 1) {
      const head = heads.get(organisation) ?? (await store.auditEntries.head(organisation));
      const entry = nextEntry(event, head, rules);
      const done = await store.auditEntries.insert(entry);
      heads.delete(organisation);
      if (done !== 'sequence_taken') {
        if (done === 'inserted') remember(organisation, entry);
        return entry;
      }
    }
    throw new Error('the audit could not be written: its end moves all the time');
  }

  function remember(organisation: string, { sequence, hash, keptUntil }: AuditHead): void {
    const [oldest] = heads.keys();
    if (heads.size >= HEADS_MAX && oldest !== undefined) heads.delete(oldest);
    heads.set(organisation, { sequence, hash, keptUntil });
  }

  return {
    append({ id = randomUUID(), ...event }) {
      const { organisation } = event;
      const before = waiting.get(organisation) ?? Promise.resolve();
      const written = before.then(() => write({ ...event, id, at: now().toISOString() }));
      const settled = written
        .catch(() => heads.delete(organisation))
        .finally(() => {
          if (waiting.get(organisation) === settled) waiting.delete(organisation);
        });
      waiting.set(organisation, settled);
      return written;
    },
  };
}
