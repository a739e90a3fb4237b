/** Starts the recomputation of due times for the providers whose policy has changed since they were computed. */
import { type Client, WorkflowIdConflictPolicy } from '@temporalio/client';
import type { ConfiguredProviders } from '../providers/config/configured-providers';
import type { Store } from '../store/store';
import { applyPolicyWorkflow } from '../workflows/apply-policy';
import { EvergrantProvider } from '../workflows/search-attributes';

export async function applyPolicies(input: {
  client: Client;
  store: Pick<Store, 'accounts' | 'settings'>;
  taskQueue: string;
  providers: ConfiguredProviders;
  log: (line: string) => void;
}): Promise<void> {
  const { client, store, taskQueue, providers, log } = input;
  for (const { id } of providers.all) {
    const policy = providers.policyText(id);
    const applied = await store.settings.appliedPolicy(id);
    if (applied === policy) continue;
    if (applied === null && (await store.accounts.isEmpty())) {
      await store.settings.recordAppliedPolicy(id, policy);
      continue;
    }
    await client.workflow.start(applyPolicyWorkflow, {
      workflowId: `apply-policy/${id}`,
      // A workflow that is still running applies an older policy.
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.TERMINATE_EXISTING,
      taskQueue,
      args: [{ provider: id, policy }],
      staticSummary: `Apply the policy of ${id} to its accounts`,
      typedSearchAttributes: [{ key: EvergrantProvider, value: id }],
    });
    if (applied !== null)
      log(`${id}: the policy has changed; the due times of its accounts are recomputed`);
  }
}
