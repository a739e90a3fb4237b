/** An organisation's accounts in numbers, by the rules of the configured providers. */
import type { ConfiguredProviders } from '../../providers/config/configured-providers';
import type { AccountSummary } from '../../store/accounts/account-summaries';
import type { Counted } from '../../store/mongo/stored-counts';
import type { Store } from '../../store/store';

const HOUR_MS = 3_600_000;

export function accountSummary(
  { store, providers }: { store: Pick<Store, 'accountSummaries'>; providers: ConfiguredProviders },
  organisation: string,
  now: Date,
): Promise<Counted<AccountSummary>> {
  const validSince = recentlyValidatedSince(providers, now);
  return store.accountSummaries.of({ organisation, now, validSince });
}

/** Since when a validation counts as recent: an hour, or twice the provider's interval if that is longer. */
export function recentlyValidatedSince(
  providers: ConfiguredProviders,
  now: Date,
): ReadonlyMap<string, Date> {
  return new Map(
    providers.all.map(({ id, policy: { validateEveryMs } }) => [
      id,
      new Date(now.getTime() - Math.max(HOUR_MS, 2 * (validateEveryMs ?? 0))),
    ]),
  );
}
