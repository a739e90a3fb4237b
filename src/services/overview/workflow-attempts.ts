/** How many attempts refresh workflows made, as their log entries say: Temporal's visibility does not know. */
import type { Store } from '../store/store';
import type { ListedWorkflow } from './workflow-client';

/** @returns for each of them; `null` for a sweep */
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
