/**
 * Anchors the ends of audit chains in Temporal, every few seconds if a chain has grown. Only entries since the last
 * anchor could be cut off unnoticed.
 */
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Logger } from 'pino';
import type { AuditHead } from '../../domain/audit/audit';
import {
  ANCHOR_MEMO,
  type AuditAnchor,
  type AuditChain,
  anchorIn,
  anchorWorkflowId,
} from '../../domain/audit/audit-anchor';
import type { Store } from '../../store/store';
import { anchorSignal, auditAnchorWorkflow } from '../../workflows/audit-anchor';

export interface AuditAnchors {
  /** Records a new end; never waits and never throws. */
  note(chain: AuditChain, organisation: string, head: AuditHead): void;
  /**
   * The latest anchor; `null` if there is none.
   * @throws if Temporal is unreachable
   */
  read(chain: AuditChain, organisation: string): Promise<AuditAnchor | null>;
  /** Anchors all recorded ends now. */
  flush(): Promise<void>;
  /** Anchors all recorded ends if Temporal responds in time, and stops. */
  stop(): Promise<void>;
}

export interface AnchorDependencies {
  client: Client;
  taskQueue: string;
  store: Pick<Store, 'auditEntries' | 'tokenAccesses'>;
  logger: Logger;
  now: () => Date;
}

interface Grown {
  chain: AuditChain;
  organisation: string;
  head: AuditHead;
}

/** How often grown chains are anchored, in ms; bounds the part of a chain that no anchor covers. */
const ANCHOR_EVERY_MS = 10_000;
/** Anchors per round; if more chains grow at once, each is anchored less often. */
const ROUND_MAX = 50;
/** Chains whose anchors are cached. */
const KNOWN_MAX = 10_000;
/** How long a call waits for Temporal, in ms. */
const ANSWERS_WITHIN_MS = 5_000;

export function createAuditAnchors({
  client,
  taskQueue,
  store,
  logger,
  now,
}: AnchorDependencies): AuditAnchors {
  /** By workflow id; the chain that has waited longest comes first. */
  const grown = new Map<string, Grown>();
  const known = new Map<string, AuditAnchor>();
  /** Workflow ids of chains that no longer contain their anchored entry; each is reported once. */
  const cut = new Set<string>();
  let isUnreachable = false;
  let working: Promise<void> | null = null;

  const answering = <T>(ask: () => Promise<T>) =>
    client.withDeadline(Date.now() + ANSWERS_WITHIN_MS, ask);

  async function read(chain: AuditChain, organisation: string): Promise<AuditAnchor | null> {
    const handle = client.workflow.getHandle(anchorWorkflowId(organisation, chain));
    try {
      return anchorIn((await answering(() => handle.describe())).memo);
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return null;
      throw error;
    }
  }

  /** Moves the anchor to the new end, unless the anchored entry is gone: then the anchor must keep proving that. */
  async function anchor(workflowId: string, { chain, organisation, head }: Grown): Promise<void> {
    const last = known.get(workflowId) ?? (await read(chain, organisation));
    if (last !== null && !(await leadsTo(last, chain, organisation))) {
      if (!cut.has(workflowId))
        logger.error({ workflow_id: workflowId, sequence: last.sequence }, CUT_OFF);
      cut.add(workflowId);
      // An operator may delete the anchor, so the next round reads it again.
      known.delete(workflowId);
      return;
    }
    cut.delete(workflowId);
    if (last === null || head.sequence > last.sequence) {
      await answering(() =>
        client.workflow.signalWithStart(auditAnchorWorkflow, {
          workflowId,
          taskQueue,
          args: [head],
          memo: { [ANCHOR_MEMO]: head },
          signal: anchorSignal,
          signalArgs: [head],
          staticSummary: `Audit anchor of ${organisation}: ${chain}`,
        }),
      );
    }
    if (known.size >= KNOWN_MAX) known.clear();
    known.set(workflowId, last !== null && last.sequence > head.sequence ? last : head);
  }

  async function leadsTo(
    { sequence, hash, keptUntil }: AuditAnchor,
    chain: AuditChain,
    organisation: string,
  ): Promise<boolean> {
    const entry = await entriesOf(store, chain).find(organisation, sequence);
    return entry === null ? Date.parse(keptUntil) <= now().getTime() : entry.hash === hash;
  }

  async function anchorSome(most: number): Promise<void> {
    for (const [workflowId, one] of [...grown].slice(0, most)) {
      grown.delete(workflowId);
      try {
        await anchor(workflowId, one);
      } catch (error) {
        // Queued behind the others; an end recorded in the meantime is newer.
        if (!grown.has(workflowId)) grown.set(workflowId, one);
        throw error;
      }
    }
  }

  function round(most: number): Promise<void> {
    working ??= anchorOrWarn(most).finally(() => {
      working = null;
    });
    return working;
  }

  async function anchorOrWarn(most: number): Promise<void> {
    try {
      await anchorSome(most);
      isUnreachable = false;
    } catch (error) {
      // Logged once per outage.
      if (!isUnreachable) logger.warn({ err: error }, NOT_ANCHORED);
      isUnreachable = true;
    }
  }

  async function flush(): Promise<void> {
    await working;
    await round(Number.POSITIVE_INFINITY);
  }

  const timer = setInterval(() => void round(ROUND_MAX), ANCHOR_EVERY_MS).unref();
  return {
    note(chain, organisation, head) {
      grown.set(anchorWorkflowId(organisation, chain), { chain, organisation, head });
    },
    read,
    flush,
    async stop() {
      clearInterval(timer);
      await flush();
    },
  };
}

/** The store of a chain's entries. */
export function entriesOf(
  { auditEntries, tokenAccesses }: Pick<Store, 'auditEntries' | 'tokenAccesses'>,
  chain: AuditChain,
) {
  return chain === 'actions' ? auditEntries : tokenAccesses;
}

const CUT_OFF =
  'the audit was cut off or replaced: the entry that Temporal anchors is missing. If MongoDB was restored from a backup, delete the workflow of the anchor; the next entry starts a new one';
const NOT_ANCHORED = 'the audit could not be anchored in Temporal; Evergrant retries';
