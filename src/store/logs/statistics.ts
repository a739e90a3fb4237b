/** An organisation's token expiries and attempts over time, counted in the database. */
import type { Connection, Model } from 'mongoose';
import { AccountState } from '../../domain/account/account';
import { ATTEMPT_ACTIONS } from '../../domain/logs/log-entry';
import { type AccountDocument, accountModel } from '../accounts/account-model';
import { type EntryDocument, logEntryModel } from './log-entry-model';

/** The members of a grant with a token's expiry. */
type TokenEnd = 'expires_at' | 'refresh_token_expires_at';

interface EndingQuery {
  organisation: string;
  /** The token whose expiries are counted. */
  end: TokenEnd;
  /** Ascending. Each interval includes its start and excludes its end, so there is one interval fewer. */
  boundaries: readonly Date[];
}

interface AttemptQuery {
  organisation: string;
  /** Ascending and equally spaced. Each interval includes its start and excludes its end. */
  boundaries: readonly Date[];
}

/** The outcomes of an interval's attempts, and the provider's response times. */
export interface AttemptCounts {
  refreshed: number;
  failed: number;
  /** Response times, to within about 10%; `null` if the provider answered no attempt. */
  p50Ms: number | null;
  p95Ms: number | null;
}

/** Ratio between histogram buckets of response times. Percentiles cost the same for any count, and are within 10%. */
const MAGNITUDE = 1.2;

export class Statistics {
  readonly #accounts: Model<AccountDocument>;
  readonly #entries: Model<EntryDocument>;

  constructor(connection: Connection) {
    this.#accounts = accountModel(connection);
    this.#entries = logEntryModel(connection);
  }

  /** The number of tokens that expire in each interval, of all accounts that are not disabled. */
  async tokensEnding({ organisation, end, boundaries }: EndingQuery): Promise<number[]> {
    const [from, ...later] = boundaries;
    const to = later.at(-1);
    if (from === undefined || to === undefined) return [];
    const member = `current.${end}`;
    const found = await this.#accounts.aggregate<{ _id: Date; count: number }>([
      {
        $match: {
          organisation,
          [member]: { $gte: from, $lt: to },
          state: { $ne: AccountState.disabled },
        },
      },
      {
        $bucket: { groupBy: `$${member}`, boundaries: [...boundaries], output: { count: ONE } },
      },
    ]);
    const counts = new Map(found.map(({ _id, count }) => [_id.getTime(), count]));
    return boundaries.slice(0, -1).map((boundary) => counts.get(boundary.getTime()) ?? 0);
  }

  /** The outcomes of the attempts in each interval, from any source. */
  async attempts({ organisation, boundaries }: AttemptQuery): Promise<AttemptCounts[]> {
    const [from, second] = boundaries;
    const to = boundaries.at(-1);
    if (from === undefined || second === undefined || to === undefined) return [];
    const lengthMs = second.getTime() - from.getTime();
    const groups = await this.#entries.aggregate<AttemptGroup>([
      {
        $match: {
          organisation,
          created_at: { $gte: from, $lt: to },
          action: { $in: [...ATTEMPT_ACTIONS] },
        },
      },
      {
        $group: {
          _id: {
            piece: { $floor: { $divide: [{ $subtract: ['$created_at', from] }, lengthMs] } },
            failed: { $ne: [{ $ifNull: ['$error', null] }, null] },
            magnitude: magnitudeOf('$response.duration_ms'),
          },
          count: ONE,
        },
      },
    ]);
    return boundaries.slice(0, -1).map((_, piece) => {
      const own = groups.filter(({ _id }) => _id.piece === piece);
      return {
        refreshed: countOf(own.filter(({ _id }) => !_id.failed)),
        failed: countOf(own.filter(({ _id }) => _id.failed)),
        p50Ms: percentile(own, 0.5),
        p95Ms: percentile(own, 0.95),
      };
    });
  }

  /** The number of logged attempts per run of a refresh workflow. */
  async attemptsByRun(query: {
    organisation: string;
    accountIds: readonly string[];
    runIds: readonly string[];
    /** When the first of the runs began. */
    since: Date;
  }): Promise<Map<string, number>> {
    const groups = await this.#entries.aggregate<{ _id: string; count: number }>([
      {
        $match: {
          organisation: query.organisation,
          account_id: { $in: [...query.accountIds] },
          created_at: { $gte: query.since },
          run_id: { $in: [...query.runIds] },
          action: { $in: [...ATTEMPT_ACTIONS] },
        },
      },
      { $group: { _id: '$run_id', count: ONE } },
    ]);
    return new Map(groups.map(({ _id, count }) => [_id, count]));
  }
}

interface AttemptGroup {
  /** `magnitude` is `null` if the provider did not answer. */
  _id: { piece: number; failed: boolean; magnitude: number | null };
  count: number;
}

const ONE = { $sum: 1 };

function magnitudeOf(durationMs: string): object {
  const atLeastOne = { $cond: [{ $lt: [durationMs, 1] }, 1, durationMs] };
  return {
    $cond: [
      { $ne: [{ $ifNull: [durationMs, null] }, null] },
      { $floor: { $divide: [{ $ln: atLeastOne }, Math.log(MAGNITUDE)] } },
      null,
    ],
  };
}

function countOf(groups: readonly AttemptGroup[]): number {
  return groups.reduce((all, { count }) => all + count, 0);
}

/** The middle of the bucket in which the given fraction of the durations is reached. */
function percentile(groups: readonly AttemptGroup[], part: number): number | null {
  const answered = groups
    .flatMap(({ _id: { magnitude }, count }) => (magnitude === null ? [] : [{ magnitude, count }]))
    .toSorted((a, b) => a.magnitude - b.magnitude);
  let left = part * answered.reduce((all, { count }) => all + count, 0);
  for (const { magnitude, count } of answered) {
    left -= count;
    if (left <= 0) return Math.round(MAGNITUDE ** (magnitude + 0.5));
  }
  return null;
}
