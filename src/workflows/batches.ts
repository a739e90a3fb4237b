/** The batches that a sweep has started. */
import { condition, ParentClosePolicy, startChild, workflowInfo } from '@temporalio/workflow';
import type { RefreshRequest } from '../domain/refresh-attempt';
import { addCounts } from '../domain/refresh-batch';
import type { DueAccount } from '../domain/sweep';
import type { Children } from './children';
import { refreshBatchWorkflow, refreshBatchWorkflowId } from './refresh-batch';
import { EvergrantProvider, EvergrantSource } from './search-attributes';

export class Batches {
  running = 0;
  #started = 0;
  readonly #children: Children;

  /** @param children of the same sweep: what batches come to is counted with theirs */
  constructor(children: Children) {
    this.#children = children;
  }

  /** Never throws. The batch goes on where the sweep is ended: some of what it holds is nowhere else. */
  async refresh(due: readonly DueAccount[], request: RefreshRequest): Promise<void> {
    const { provider, closed, counts } = this.#children;
    const accounts = due.filter(({ environment }) => !closed.has(environment));
    counts.left += due.length - accounts.length;
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
      for (const environment of result.closed) closed.add(environment);
    } catch {
      counts.failed += accounts.length;
      counts.failures['workflow_failed'] =
        (counts.failures['workflow_failed'] ?? 0) + accounts.length;
    } finally {
      this.running -= 1;
    }
  }

  /** A batch always ends: where its lane is slow it takes long, and is waited for. */
  async drain(): Promise<void> {
    await condition(() => this.running === 0);
  }
}
