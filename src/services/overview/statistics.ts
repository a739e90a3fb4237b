/** An organisation's statistics, for the page Overview and the API. */
import type { ConfiguredProviders } from '../../providers/config/configured-providers';
import type { AccountSummary } from '../../store/accounts/account-summaries';
import type { AttemptHour } from '../../store/logs/statistics';
import type { Store } from '../../store/store';
import { accountSummary } from './account-summary';

export interface Statistics extends AccountSummary {
  at: Date;
  /** When the accounts were counted; `null` if only some of them could be counted so far. */
  accountsAsOf: Date | null;
  /** When the attempts were counted; `null` if only some of them could be counted so far. */
  attemptsAsOf: Date | null;
  /** 24 hours; the last is the current hour. */
  attempts: AttemptHour[];
}

/** Loads an organisation's statistics, from a cache if they are recent. */
export type StatisticsReader = (organisation: string) => Promise<Statistics>;

/**
 * Cache lifetime: at least this long, in ms, and 20 times the duration of the query, so that at most 5% of the time is
 * spent on it, for any number of viewers.
 */
const KEPT_MIN_MS = 5_000;
const KEPT_FOR_ITS_COST = 20;

interface Kept {
  result: Promise<Statistics>;
  /** Infinite while the query runs. */
  until: number;
}

export function createStatisticsReader(deps: {
  store: Store;
  providers: ConfiguredProviders;
  now: () => Date;
}): StatisticsReader {
  const kept = new Map<string, Kept>();

  function dropOld(): void {
    for (const [organisation, { until }] of kept)
      if (until <= Date.now()) kept.delete(organisation);
  }

  async function loadFor(organisation: string, loading: Pick<Kept, 'until'>): Promise<Statistics> {
    const began = Date.now();
    try {
      return await load(deps, organisation, deps.now());
    } catch (error) {
      kept.delete(organisation);
      throw error;
    } finally {
      const tookMs = Date.now() - began;
      loading.until = Date.now() + Math.max(KEPT_MIN_MS, tookMs * KEPT_FOR_ITS_COST);
    }
  }

  return (organisation) => {
    dropOld();
    const recent = kept.get(organisation);
    if (recent !== undefined) return recent.result;
    const loading = { until: Number.POSITIVE_INFINITY };
    const result = loadFor(organisation, loading);
    kept.set(organisation, Object.assign(loading, { result }));
    return result;
  };
}

async function load(
  deps: { store: Store; providers: ConfiguredProviders },
  organisation: string,
  now: Date,
): Promise<Statistics> {
  const [accounts, attempts] = await Promise.all([
    accountSummary(deps, organisation, now),
    deps.store.statistics.attempts({ organisation, now }),
  ]);
  return {
    at: now,
    ...accounts.counts,
    accountsAsOf: accounts.asOf,
    attempts: attempts.counts,
    attemptsAsOf: attempts.asOf,
  };
}
