/** The state of OAuth apps: the circuit, today's quota use, and whether the quota suffices. */
import { refreshEveryMs } from '../../domain/account/due-times';
import {
  type AppLimits,
  allowedToday,
  type CircuitState,
  forecastPerDay,
  newAppLimiter,
  today,
} from '../../domain/limits/app-limiter';
import { shownFailure } from '../../domain/limits/limiter-outcome';
import type { RefreshFailure } from '../../domain/refresh/refresh-failure';
import type { ConfiguredProviders } from '../../providers/config/configured-providers';
import type { Provider } from '../../providers/provider';
import type { Store } from '../../store/store';

export interface AppStatus {
  provider: string;
  environment: string;
  state: CircuitState;
  since: Date | null;
  failure: RefreshFailure | null;
  nextProbeAt: Date | null;
  throttledUntil: Date | null;
  usedToday: number;
  rule: AppLimits;
  /** For all organisations, which share the app. */
  /** `null` until a worker has counted the accounts. */
  forecastPerDay: number | null;
  warning: string | null;
}

/** Lists the apps that have accounts, or have ever sent a request. */
export async function appStatus({
  store,
  providers,
}: {
  store: Store;
  providers: ConfiguredProviders;
}): Promise<AppStatus[]> {
  const now = store.limiters.now();
  const [limiters, { asOf, counts }] = await Promise.all([
    store.limiters.list(),
    store.dueAccounts.perApp(
      providers.all.map(({ id }) => id),
      now,
    ),
  ]);
  return providers.all.flatMap((provider) =>
    [...provider.environments].flatMap(([environment, { limits: rule }]) => {
      const isThis = (one: { provider: string; environment: string }) =>
        one.provider === provider.id && one.environment === environment;
      const found = limiters.find(isThis);
      const accounts = counts.find(isThis)?.accounts ?? 0;
      if (found === undefined && accounts === 0) return [];
      const limiter = today(found ?? newAppLimiter(provider.id, environment, now), now);
      const { throttledUntil } = limiter;
      const forecast = asOf === null ? null : forecastOf(provider, accounts);
      return [
        {
          provider: provider.id,
          environment,
          state: limiter.state,
          since: limiter.since,
          failure: shownFailure(limiter),
          nextProbeAt: limiter.state === 'closed' ? null : limiter.nextProbeAt,
          throttledUntil: throttledUntil !== null && throttledUntil > now ? throttledUntil : null,
          usedToday: limiter.used,
          rule,
          forecastPerDay: forecast,
          warning: forecast === null ? null : warningOf(forecast, rule),
        },
      ];
    }),
  );
}

function forecastOf(provider: Provider, accounts: number): number {
  const { enabled, validateEveryMs, sweepEveryMs } = provider.policy;
  if (!enabled) return 0;
  return forecastPerDay(accounts, {
    refreshEveryMs: refreshEveryMs(provider),
    validateEveryMs: validateEveryMs === null ? null : Math.max(validateEveryMs, sweepEveryMs),
  });
}

function warningOf(forecast: number, rule: AppLimits): string | null {
  const allowed = allowedToday(rule, 'scheduled');
  if (forecast <= allowed) return null;
  return `Evergrant expects about ${forecast} requests per day, and sweeps may use ${allowed} of ${rule.perDay}, so some accounts will not be refreshed in time. Refresh less often, or ask the provider for a larger quota.`;
}
