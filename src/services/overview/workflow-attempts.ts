/** The number of attempts per refresh workflow, from log entries, because Temporal's visibility does not have it. */
import type { Store } from '../../store/store';
import type { ListedWorkflow } from '../../temporal/workflow-client';

/** @returns a lookup by workflow; `null` for a sweep */
export async function workflowAttempts(
  { statistics }: Pick<Store, 'statistics'>,
  organisation: string,
  workflows: readonly ListedWorkflow[],
): Promise<(workflow: ListedWorkflow) => number | null> {
  const refreshes = workflows.filter(({ type }) => type === 'refresh');
  const counts =
    refreshes.length === 0
      ? new Map<string, number>()
      : await statistics.attemptsByRun({
          organisation,
          accountIds: refreshes.flatMap(({ accountId }) => accountId ?? []),
          runIds: refreshes.map(({ runId }) => runId),
          since: new Date(Math.min(...refreshes.map(({ startedAt }) => startedAt.getTime()))),
        });
  return ({ type, runId }) => (type === 'refresh' ? (counts.get(runId) ?? 0) : null);
}
