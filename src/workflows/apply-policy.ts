/** Puts a changed policy in force for the accounts a provider has. Started where a worker finds that it has changed. */
import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities';

// As long as it takes: an account whose clock is of the old policy is swept at the wrong time.
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
