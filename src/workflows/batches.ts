/** The batches that a sweep has started. */
import { condition, ParentClosePolicy, startChild, workflowInfo } from '@temporalio/workflow';
import type { RefreshRequest } from '../domain/refresh/refresh-attempt';
import { addCounts } from '../domain/refresh/refresh-batch';
import type { DueAccount } from '../domain/refresh/sweep';
import type { Children } from './children';
import { refreshBatchWorkflow, refreshBatchWorkflowId } from './refresh-batch';
import { EvergrantProvider, EvergrantSource } from './search-attributes';

export class Batches {
  running = 0;
  #started = 0;
  readonly #children: Children;

  /** @param children the same sweep's children; batches add their counts to them */
  constructor(children: Children) {
    this.#children = children;
  }

  /** Never throws. The batch outlives a cancelled sweep, because it may hold grants that are stored nowhere else. */
  async refresh(due: readonly DueAccount[], request: RefreshRequest): Promise<void> {
    const { provider, openEnvironments, counts } = this.#children;
    const accounts = due.filter(({ environment }) => !openEnvironments.has(environment));
    counts.deferred += due.length - accounts.length;
    if (accounts.length === 0) return;
    this.running += 1;
    this.#started += 1;
    const { runId, workflowId } = workflowInfo();
    try {
      const child = await startChild(refreshBatchWorkflow, {
        workflowId: refreshBatchWorkflowId(runId, this.#started),
        args: [{ provider, accounts, request, sweep: { workflowId, runId } }],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        staticSummary: `Refresh ${accounts.length} accounts (${provider})`,
        typedSearchAttributes: [
          { key: EvergrantProvider, value: provider },
          { key: EvergrantSource, value: request.source },
        ],
      });
      const result = await child.result();
      addCounts(counts, result.counts);
      for (const environment of result.openEnvironments) openEnvironments.add(environment);
    } catch {
      counts.failed += accounts.length;
      counts.failures['workflow_failed'] =
        (counts.failures['workflow_failed'] ?? 0) + accounts.length;
    } finally {
      this.running -= 1;
    }
  }

  /** Waits without a limit: every batch completes, even if a slow OAuth app makes it take long. */
  async drain(): Promise<void> {
    await condition(() => this.running === 0);
  }
}
