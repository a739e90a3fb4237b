/** Recomputes the due times of a provider's accounts after its policy changed. Resumes where a lost worker stopped. */
import { ApplicationFailure, activityInfo, heartbeat, log } from '@temporalio/activity';
import type { RefreshDependencies } from '../refresh/dependencies';

const PAGE = 500;

export interface ApplyPolicyInput {
  provider: string;
  /**
   * As returned by `ConfiguredProviders.policyText`. A worker with another configuration leaves it to another worker.
   */
  policy: string;
}

export async function applyPolicy(
  { store, providers }: Pick<RefreshDependencies, 'store' | 'providers'>,
  input: ApplyPolicyInput,
): Promise<{ rewritten: number }> {
  if (providers.policyText(input.provider) !== input.policy) {
    throw ApplicationFailure.retryable(
      `This worker has another policy for ${input.provider}. Restart the worker with the new configuration.`,
      'configured_otherwise',
    );
  }
  const reached: unknown = activityInfo().heartbeatDetails;
  let afterId = typeof reached === 'string' ? reached : null;
  let rewritten = 0;
  for (;;) {
    const page = await store.accounts.rewriteDueTimes(input.provider, { afterId, limit: PAGE });
    rewritten += page.rewritten;
    if (page.next === null) break;
    afterId = page.next;
    heartbeat(afterId);
  }
  await store.settings.recordAppliedPolicy(input.provider, input.policy);
  log[rewritten === 0 ? 'debug' : 'info'](
    'the due times of all accounts follow the current policy',
    {
      provider: input.provider,
      rewritten,
    },
  );
  return { rewritten };
}
