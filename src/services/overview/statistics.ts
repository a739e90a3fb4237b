/** An organisation's statistics, for the page Workers and the API. */
import type { AccountCounts } from '../../store/accounts/accounts';
import type { AttemptCounts } from '../../store/logs/statistics';
import type { Store } from '../../store/store';

/** An interval that includes `from` and excludes `to`. */
interface Piece {
  from: Date;
  to: Date;
}

export interface Statistics {
  at: Date;
  accounts: AccountCounts[];
  /** 24 hours; the first entry is the rest of the current hour. */
  accessTokensEnding: (Piece & { count: number })[];
  /** 12 months (UTC); the first entry is the rest of the current month. */
  refreshTokensEnding: (Piece & { count: number })[];
  /** 24 hours; the last entry is the current hour. */
  attempts: (Piece & AttemptCounts)[];
}

/** Loads an organisation's statistics, from a cache if they are recent. */
export type StatisticsReader = (organisation: string) => Promise<Statistics>;

const HOUR_MS = 3600_000;
const HOURS = 24;
const MONTHS = 12;
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

export function createStatisticsReader({
  store,
  now,
}: {
  store: Store;
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
      return await load(store, organisation, now());
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
  { accounts, statistics }: Pick<Store, 'accounts' | 'statistics'>,
  organisation: string,
  at: Date,
): Promise<Statistics> {
  const thisHour = Math.floor(at.getTime() / HOUR_MS);
  const hours = (from: number, count: number) =>
    boundaries(count, (hour) => new Date((thisHour + from + hour) * HOUR_MS));
  const ahead = hours(0, HOURS);
  const behind = hours(1 - HOURS, HOURS);
  const months = boundaries(
    MONTHS,
    (month) => new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + month)),
  );
  const fromNow = ([, ...later]: Date[]) => [at, ...later];
  const [counts, accessTokens, refreshTokens, attempts] = await Promise.all([
    accounts.count({ organisation, now: at }),
    statistics.tokensEnding({ organisation, end: 'expires_at', boundaries: fromNow(ahead) }),
    statistics.tokensEnding({
      organisation,
      end: 'refresh_token_expires_at',
      boundaries: fromNow(months),
    }),
    statistics.attempts({ organisation, boundaries: behind }),
  ]);
  return {
    at,
    accounts: counts,
    accessTokensEnding: pieces(ahead, accessTokens, (count) => ({ count })),
    refreshTokensEnding: pieces(months, refreshTokens, (count) => ({ count })),
    attempts: pieces(behind, attempts, (counted) => counted),
  };
}

function boundaries(pieceCount: number, at: (index: number) => Date): Date[] {
  return Array.from({ length: pieceCount + 1 }, (_, index) => at(index));
}

/** Combines each value with its interval. */
function pieces<V, T extends object>(
  bounds: readonly Date[],
  values: readonly V[],
  shape: (value: V) => T,
): (Piece & T)[] {
  return values.flatMap((value, index) => {
    const [from, to] = bounds.slice(index, index + 2);
    return from === undefined || to === undefined ? [] : [{ from, to, ...shape(value) }];
  });
}
