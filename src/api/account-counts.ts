/** Counts of accounts by status, each provider's own idea of "expiring soon" applied. */
import type { AccountCounts } from '../store/accounts';
import type { ApiDependencies } from './dependencies';

const SOON_OTHERWISE_MS = 15 * 60_000;

export function countAccounts(
  { store, providers }: Pick<ApiDependencies, 'store' | 'providers'>,
  query: { organisation: string; now: Date; kinds?: readonly string[] },
): Promise<AccountCounts[]> {
  const after = (ms: number) => new Date(query.now.getTime() + ms);
  return store.accounts.count({
    ...query,
    soon: new Map(providers.all.map(({ id, policy }) => [id, after(policy.refreshBeforeMs)])),
    soonOtherwise: after(SOON_OTHERWISE_MS),
  });
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, number) => all + number, 0);
}
