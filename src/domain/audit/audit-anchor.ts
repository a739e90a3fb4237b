/** Audit anchors: the newest known end of each chain, in Temporal, so that MongoDB access alone cannot change it. */
import type { AuditHead } from './audit';

export const AUDIT_CHAINS = ['actions', 'token-accesses'] as const;
export type AuditChain = (typeof AUDIT_CHAINS)[number];

/** The end of a chain at the time it was anchored. */
export type AuditAnchor = AuditHead;

/** The memo field of the workflow that holds the anchor. */
export const ANCHOR_MEMO = 'anchor';

export function anchorWorkflowId(organisation: string, chain: AuditChain): string {
  return `audit-anchor/${chain}/${organisation}`;
}

/** Reads an anchor from a memo, or `null` if there is none, or if it is malformed. */
export function anchorIn(memo: Record<string, unknown> | undefined): AuditAnchor | null {
  const anchor = memo?.[ANCHOR_MEMO];
  if (typeof anchor !== 'object' || anchor === null) return null;
  const { sequence, hash, keptUntil } = anchor as Partial<Record<string, unknown>>;
  return typeof sequence === 'number' && typeof hash === 'string' && typeof keptUntil === 'string'
    ? { sequence, hash, keptUntil }
    : null;
}
