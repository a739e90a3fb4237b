/**
 * Keeps the anchor of one audit chain in its memo, which clients read without a worker. One workflow per chain, by
 * workflow id; it never completes.
 */
import {
  condition,
  defineSignal,
  makeContinueAsNewFunc,
  setHandler,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow';
import { ANCHOR_MEMO, type AuditAnchor } from '../domain/audit/audit-anchor';

export const anchorSignal = defineSignal<[AuditAnchor]>('anchor');

/** Events in a run's history after which the workflow continues as new. */
const HISTORY_EVENTS_MAX = 2_000;

export async function auditAnchorWorkflow(first: AuditAnchor): Promise<void> {
  let anchor = first;
  // Several processes anchor the same chain independently; the highest sequence number wins.
  setHandler(anchorSignal, (head) => {
    if (head.sequence <= anchor.sequence) return;
    anchor = head;
    upsertMemo({ [ANCHOR_MEMO]: anchor });
  });
  await condition(() => {
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    return continueAsNewSuggested || historyLength > HISTORY_EVENTS_MAX;
  });
  const goOn = makeContinueAsNewFunc<typeof auditAnchorWorkflow>({
    memo: { [ANCHOR_MEMO]: anchor },
  });
  await goOn(anchor);
}
