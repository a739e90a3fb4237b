/** Lists one page of due accounts for a sweep. */
import { ApplicationFailure } from '@temporalio/activity';
import { dueBounds } from '../domain/refresh-policy';
import type { DueAccount, DueCursor } from '../domain/sweep';
import type { ActivityDependencies } from './dependencies';

export interface ListDueAccountsInput {
  provider: string;
  environment: string | null;
  cursor: DueCursor;
  /** ISO time the list is as of. */
  asOf: string;
  limit: number;
}

export async function listDueAccounts(
  { store, providers }: Pick<ActivityDependencies, 'store' | 'providers'>,
  input: ListDueAccountsInput,
): Promise<{ accounts: DueAccount[]; next: DueCursor | null }> {
  const provider = providers.find(input.provider);
  if (provider === undefined) {
    throw ApplicationFailure.nonRetryable(
      `no provider "${input.provider}" is configured; add it to providers.yaml or remove the schedule sweep/${input.provider}`,
      'provider_not_configured',
    );
  }
  const now = new Date(input.asOf);
  return store.dueAccounts.page({
    provider: provider.id,
    environment: input.environment,
    ...dueBounds(provider.policy, now),
    now,
    cursor: input.cursor,
    limit: input.limit,
  });
}
