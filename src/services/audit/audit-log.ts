/**
 * Appends entries to audit chains. Several processes may append to one chain: each appends after the last entry it
 * knows, and reads the last entry again if another process appended first.
 */
import { randomUUID } from 'node:crypto';
import {
  type AuditEntry,
  type AuditEvent,
  type AuditHead,
  nextEntry,
} from '../../domain/audit/audit';
import type { AuditEntries } from '../../store/access/audit-entries';
import type { Vault } from '../../vault/vault';

interface NewAuditEvent extends Omit<AuditEvent, 'id' | 'at'> {
  /** Given if the event may be appended again; must then be the same each time. */
  id?: string;
}

export interface AuditLog {
  /** Resolves when the entry is durable; rejects if it could not be written. */
  append(event: NewAuditEvent): Promise<AuditEntry>;
}

/** A chain whose entries carry content, such as the accesses of a batch. */
export interface Chain<Content> {
  append(event: NewAuditEvent, content: Content): Promise<AuditEntry>;
}

export interface ChainDependencies<Content> {
  entries: {
    head(organisation: string): Promise<AuditHead | null>;
    insert(
      entry: AuditEntry,
      content: Content,
    ): Promise<'inserted' | 'sequence_taken' | 'there_already'>;
  };
  vault: Pick<Vault, 'authenticationCode'>;
  retentionMs: number;
  now: () => Date;
  /** Receives each new end of a chain. */
  onHead?: ((organisation: string, head: AuditHead) => void) | undefined;
}

export interface AuditDependencies
  extends Pick<ChainDependencies<undefined>, 'vault' | 'now' | 'onHead'> {
  store: { auditEntries: Pick<AuditEntries, 'head' | 'insert'> };
  retentionDays: number;
}

const DAY_MS = 24 * 3600 * 1000;
/** Chains whose ends are cached; more than are written to at the same time. */
const HEADS_MAX = 1_000;
/** A conflict means that another process appended first. After this many in a row, assume a bug and give up. */
const TRIES_MAX = 1_000;

/** The audit chain of actions. */
export function createAuditLog({ store, retentionDays, ...deps }: AuditDependencies): AuditLog {
  const chain = createChain<undefined>({
    ...deps,
    entries: store.auditEntries,
    retentionMs: retentionDays * DAY_MS,
  });
  return { append: (event) => chain.append(event, undefined) };
}

export function createChain<Content>({
  entries,
  vault,
  retentionMs,
  now,
  onHead,
}: ChainDependencies<Content>): Chain<Content> {
  const heads = new Map<string, AuditHead>();
  /** Appends to a chain in sequence within this process, so that they do not conflict with each other. */
  const waiting = new Map<string, Promise<unknown>>();
  const rules = {
    retentionMs,
    authenticate: (text: string) => vault.authenticationCode('audit', text),
  };

  async function write(event: AuditEvent, content: Content): Promise<AuditEntry> {
    const { organisation } = event;
    for (let tried = 0; tried < TRIES_MAX; tried += 1) {
      const head = heads.get(organisation) ?? (await entries.head(organisation));
      const entry = nextEntry(event, head, rules);
      const done = await entries.insert(entry, content);
      heads.delete(organisation);
      if (done !== 'sequence_taken') {
        if (done === 'inserted') remember(organisation, entry);
        return entry;
      }
    }
    throw new Error(
      'the audit could not be written: other processes appended to it at every attempt',
    );
  }

  function remember(organisation: string, { sequence, hash, keptUntil }: AuditHead): void {
    const [oldest] = heads.keys();
    if (heads.size >= HEADS_MAX && oldest !== undefined) heads.delete(oldest);
    heads.set(organisation, { sequence, hash, keptUntil });
    onHead?.(organisation, { sequence, hash, keptUntil });
  }

  return {
    append({ id = randomUUID(), ...event }, content) {
      const { organisation } = event;
      const before = waiting.get(organisation) ?? Promise.resolve();
      const written = before.then(() => write({ ...event, id, at: now().toISOString() }, content));
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
