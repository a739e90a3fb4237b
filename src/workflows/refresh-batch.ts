/**
 * One batch, of a sweep or of accounts that callers wait for. An activity refreshes the accounts; accounts that need
 * more than one plain attempt continue in their own workflows. The batch ends by recording the rotations, which later
 * reveal whether MongoDB was restored from a backup.
 */
import {
  ActivityCancellationType,
  CancellationScope,
  condition,
  continueAsNew,
  proxyActivities,
  setHandler,
  setWorkflowOptions,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities';
import type { GenerationMark } from '../domain/refresh/generation-mark';
import {
  addCounts,
  type BatchProgress,
  type BatchResult,
  noCounts,
  type RefreshBatchInput,
  ROTATED_MEMO,
} from '../domain/refresh/refresh-batch';
import { Children, WINDOW } from './children';
import { untilDatabaseIsBack } from './database-outage';
import { retryingSignal } from './refresh-account';
import { EvergrantGeneration } from './search-attributes';
import { pinnedToItsVersion } from './versioning';

// If a worker is lost, the next one continues from the last heartbeat. A cancellation lets requests finish.
const { refreshBatch } = proxyActivities<Activities>({
  startToCloseTimeout: '3 minutes',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '100ms', backoffCoefficient: 4, maximumInterval: '30s' },
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/** Events in the history after which the workflow continues as new. */
const HISTORY_EVENTS_MAX = 800;

export interface RefreshBatchWorkflowInput extends Omit<RefreshBatchInput, 'sweep'> {
  provider: string;
  /** Absent if the batch is not part of a sweep. */
  sweep?: RefreshBatchInput['sweep'];
  /** Results of the previous runs; set when the workflow continues as new. */
  soFar?: Required<BatchResult> & { rotated: GenerationMark[] };
}

export function refreshBatchWorkflowId(startedBy: string, number: number | string): string {
  return `refresh-batch/${startedBy}/${number}`;
}

export async function refreshBatchWorkflow({
  provider,
  request,
  sweep = itself(),
  soFar: { counts, openEnvironments: alreadyOpen, rotated, outcomes } = nothingSoFar(),
  ...input
}: RefreshBatchWorkflowInput): Promise<BatchResult> {
  const children = new Children(provider, counts);
  setHandler(retryingSignal, (outcome) => children.retrying(outcome));
  const { openEnvironments } = children;
  for (const environment of alreadyOpen) openEnvironments.add(environment);
  const byId = new Map(input.accounts.map((account) => [account.accountId, account]));

  async function takeIn(done: BatchProgress): Promise<void> {
    const { refreshed, skipped, deferred } = done;
    addCounts(counts, { ...noCounts(), refreshed, skipped, deferred });
    for (const environment of done.openEnvironments) openEnvironments.add(environment);
    rotated.push(...done.rotated);
    outcomes.push(...(done.outcomes ?? []));
    for (const { accountId, first } of done.fallback) {
      const account = byId.get(accountId);
      if (account === undefined) continue;
      // A grant that is stored nowhere else does not wait for a slot.
      if (!first?.result?.unwritten) await condition(() => children.running < WINDOW);
      void children.refresh(account, account.request ?? request, first);
    }
  }

  let accounts = input.accounts;
  let outages = 0;
  while (accounts.length > 0) {
    const done = await refreshBatch.executeWithOptions(
      { summary: `${provider}: refresh ${accounts.length} accounts` },
      [{ accounts, request, sweep }],
    );
    await CancellationScope.nonCancellable(() => takeIn(done));
    const rest = new Set(done.remaining);
    outages = done.databaseUnreachable ? outages + 1 : 0;
    accounts = accounts.filter(({ accountId }) => rest.has(accountId));
    if (accounts.length === 0) break;
    if (done.databaseUnreachable)
      await untilDatabaseIsBack(`${provider}: ${accounts.length} accounts`, outages);
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    if (!continueAsNewSuggested && historyLength <= HISTORY_EVENTS_MAX) continue;
    await children.drain();
    const soFar = { counts, openEnvironments: [...openEnvironments], rotated, outcomes };
    await continueAsNew<typeof refreshBatchWorkflow>({ provider, accounts, request, sweep, soFar });
  }
  await children.drain();
  if (rotated.length > 0) {
    upsertMemo({ [ROTATED_MEMO]: rotated });
    const newest = Math.max(...rotated.map(({ generation }) => generation));
    upsertSearchAttributes([{ key: EvergrantGeneration, value: newest }]);
  }
  return {
    counts,
    openEnvironments: [...openEnvironments],
    ...(outcomes.length === 0 ? {} : { outcomes }),
  };
}

setWorkflowOptions(pinnedToItsVersion, refreshBatchWorkflow);

function nothingSoFar(): NonNullable<RefreshBatchWorkflowInput['soFar']> {
  return { counts: noCounts(), openEnvironments: [], rotated: [], outcomes: [] };
}

function itself(): RefreshBatchInput['sweep'] {
  const { workflowId, runId } = workflowInfo();
  return { workflowId, runId };
}
