/**
 * One batch, of a sweep or of accounts that somebody waits for: an activity refreshes them, and those that it does not
 * simply refresh get workflows of their own. It ends with the record of the new refresh tokens, by which a restored
 * database is noticed.
 */
import {
  ActivityCancellationType,
  CancellationScope,
  condition,
  proxyActivities,
  setHandler,
  sleep,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities';
import type { GenerationMark } from '../domain/generation-mark';
import type { AttemptOutcome } from '../domain/refresh-attempt';
import {
  addCounts,
  type BatchProgress,
  type BatchResult,
  noCounts,
  type RefreshBatchInput,
  ROTATED_MEMO,
} from '../domain/refresh-batch';
import { retryPauseMs } from '../domain/refresh-policy';
import { Children, WINDOW } from './children';
import { goesOnSignal } from './refresh-account';
import { EvergrantGeneration } from './search-attributes';

// A worker that vanished is replaced, and the next one goes on where it was. Cancelled, it finishes what is under way.
const { refreshBatch } = proxyActivities<Activities>({
  startToCloseTimeout: '3 minutes',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '100ms', backoffCoefficient: 4, maximumInterval: '30s' },
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

export interface RefreshBatchWorkflowInput extends Omit<RefreshBatchInput, 'sweep'> {
  provider: string;
  /** Absent: it is part of none. */
  sweep?: RefreshBatchInput['sweep'];
}

export function refreshBatchWorkflowId(startedBy: string, number: number | string): string {
  return `refresh-batch/${startedBy}/${number}`;
}

export async function refreshBatchWorkflow({
  provider,
  request,
  sweep = itself(),
  ...input
}: RefreshBatchWorkflowInput): Promise<BatchResult> {
  const children = new Children(provider, noCounts());
  setHandler(goesOnSignal, (outcome) => children.goesOn(outcome));
  const { closed, counts } = children;
  const byId = new Map(input.accounts.map((account) => [account.accountId, account]));
  const rotated: GenerationMark[] = [];
  const outcomes: AttemptOutcome[] = [];

  async function takeIn(done: BatchProgress): Promise<void> {
    const { refreshed, skipped, left } = done;
    addCounts(counts, { ...noCounts(), refreshed, skipped, left });
    for (const environment of done.closed) closed.add(environment);
    rotated.push(...done.rotated);
    outcomes.push(...(done.outcomes ?? []));
    for (const { accountId, first } of done.own) {
      const account = byId.get(accountId);
      if (account === undefined) continue;
      // What holds a grant that exists nowhere else does not wait for a seat.
      if (!first?.result?.unwritten) await condition(() => children.running < WINDOW);
      void children.refresh(account, account.request ?? request, first);
    }
  }

  let accounts = input.accounts;
  while (accounts.length > 0) {
    const done = await refreshBatch.executeWithOptions(
      { summary: `${provider}: refresh ${accounts.length} accounts` },
      [{ accounts, request, sweep }],
    );
    await CancellationScope.nonCancellable(() => takeIn(done));
    const rest = new Set(done.rest);
    accounts = accounts.filter(({ accountId }) => rest.has(accountId));
    if (done.databaseAway) await sleep(retryPauseMs(1));
  }
  await children.drain();
  if (rotated.length > 0) {
    upsertMemo({ [ROTATED_MEMO]: rotated });
    const newest = Math.max(...rotated.map(({ generation }) => generation));
    upsertSearchAttributes([{ key: EvergrantGeneration, value: newest }]);
  }
  return { counts, closed: [...closed], ...(outcomes.length === 0 ? {} : { outcomes }) };
}

function itself(): RefreshBatchInput['sweep'] {
  const { workflowId, runId } = workflowInfo();
  return { workflowId, runId };
}
