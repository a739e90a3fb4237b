/** Accounts by status, each provider's own idea of "expiring soon" applied. */
import type { AccountCounts, StatusClock } from '../store/accounts';
import type { ApiDependencies } from './dependencies';

const SOON_OTHERWISE_MS = 15 * 60_000;

export function countAccounts(
  { store, providers }: Pick<ApiDependencies, 'store' | 'providers'>,
  query: { organisation: string; now: Date; kinds?: readonly string[] },
): Promise<AccountCounts[]> {
  return store.accounts.count({ ...query, ...statusClock(providers, query.now) });
}

/** Until when an access token of each provider counts as expiring soon. */
export function statusClock(providers: ApiDependencies['providers'], now: Date): StatusClock {
  const after = (ms: number) => new Date(now.getTime() + ms);
  return {
    now,
    soon: new Map(providers.all.map(({ id, policy }) => [id, after(policy.refreshBeforeMs)])),
    soonOtherwise: after(SOON_OTHERWISE_MS),
  };
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, number) => all + number, 0);
}
