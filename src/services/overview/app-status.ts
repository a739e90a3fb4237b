/** The OAuth apps at a glance: whether each is served, what it used of its quota today, and whether that will do. */
import {
  allowedToday,
  forecastPerDay,
  type LaneRule,
  type LaneState,
  newLane,
  today,
} from '../domain/lane';
import type { RefreshFailure } from '../domain/refresh-failure';
import { refreshEveryMs } from '../domain/refresh-policy';
import type { Provider } from '../providers/provider';
import type { ApiDependencies } from './dependencies';

export interface LaneStatus {
  provider: string;
  environment: string;
  state: LaneState;
  since: Date | null;
  failure: RefreshFailure | null;
  nextProbeAt: Date | null;
  throttledUntil: Date | null;
  usedToday: number;
  rule: LaneRule;
  /** Of all organisations: the app is theirs together. */
  forecastPerDay: number;
  warning: string | null;
}

/** Those that have accounts, or were ever sent on. */
export async function laneStatus({
  store,
  providers,
}: Pick<ApiDependencies, 'store' | 'providers'>): Promise<LaneStatus[]> {
  const [lanes, counts] = await Promise.all([store.lanes.list(), store.dueAccounts.lookedAfter()]);
  const now = store.lanes.now();
  return providers.all.flatMap((provider) =>
    [...provider.environments].flatMap(([environment, { lane: rule }]) => {
      const isThis = (one: { provider: string; environment: string }) =>
        one.provider === provider.id && one.environment === environment;
      const found = lanes.find(isThis);
      const accounts = counts.find(isThis)?.accounts ?? 0;
      if (found === undefined && accounts === 0) return [];
      const lane = today(found ?? newLane(provider.id, environment, now), now);
      const { throttledUntil } = lane;
      const forecast = provider.policy.enabled ? forecastOf(provider, accounts) : 0;
      return [
        {
          provider: provider.id,
          environment,
          state: lane.state,
          since: lane.since,
          failure: lane.failure,
          nextProbeAt: lane.nextProbeAt,
          throttledUntil: throttledUntil !== null && throttledUntil > now ? throttledUntil : null,
          usedToday: lane.used,
          rule,
          forecastPerDay: forecast,
          warning: warningOf(forecast, rule),
        },
      ];
    }),
  );
}

function forecastOf({ policy, accessTokenLifeSeconds }: Provider, accounts: number): number {
  const { validateEveryMs, sweepEveryMs } = policy;
  return forecastPerDay(accounts, {
    refreshEveryMs: refreshEveryMs({ policy, accessTokenLifeSeconds }),
    validateEveryMs: validateEveryMs === null ? null : Math.max(validateEveryMs, sweepEveryMs),
  });
}

function warningOf(forecast: number, rule: LaneRule): string | null {
  const allowed = allowedToday(rule, 'scheduled');
  if (forecast <= allowed) return null;
  return `About ${forecast} requests a day are to be expected, more than sweeps may use (${allowed} of ${rule.perDay}): some accounts will not be refreshed in time. Refresh less often, or ask the provider for a larger quota.`;
}
