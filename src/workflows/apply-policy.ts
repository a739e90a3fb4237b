/** Recomputes the due times of a provider's accounts under a changed policy, when a worker finds the change. */
import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities';

// Retried without limit: under the old policy's due times, sweeps refresh accounts at the wrong time.
const { applyPolicy } = proxyActivities<Activities>({
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: '1 minute',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1 minute' },
});

export async function applyPolicyWorkflow(input: {
  provider: string;
  policy: string;
}): Promise<{ rewritten: number }> {
  return applyPolicy(input);
}
