/** An organisation's accounts in numbers, all from one pass over them: by status, by validation and by expiry. */
import type { Connection, Model, mongo } from 'mongoose';
import {
  ACCOUNT_STATUSES,
  type AccountState,
  type AccountStatus,
  derivedStatus,
  isOutOfService,
  type TokenVerdict,
} from '../../domain/account/account';
import { type Counted, idRanges, type Recount, type StoredCounts } from '../mongo/stored-counts';
import { type AccountDocument, accountModel } from './account-model';

/** Numbers of accounts by status, for one provider, environment and kind. */
interface AccountCounts {
  provider: string;
  environment: string;
  kind: string | null;
  total: number;
  byStatus: Record<AccountStatus, number>;
  /** Accounts in quarantine, of any status. */
  quarantined: number;
  /** Accounts with an expired access token, of any status but `disabled` and `disconnected`. */
  accessTokenEnded: number;
}

/** Numbers of accounts of one provider by their last validation. */
interface ValidationCounts {
  provider: string;
  /** Accounts found valid after the given time. */
  validatedRecently: number;
  invalid: number;
}

/** The number of tokens that expire in an interval that includes `from` and excludes `to`. */
interface TokensEnding {
  from: Date;
  to: Date;
  count: number;
}

export interface AccountSummary {
  accounts: AccountCounts[];
  validations: ValidationCounts[];
  /** 24 hours, of accounts that are neither disabled nor disconnected; the first is the rest of the current hour. */
  accessTokensEnding: TokensEnding[];
  /** 12 months (UTC); the first is the rest of the current month. */
  refreshTokensEnding: TokensEnding[];
}

interface SummaryQuery {
  organisation: string;
  now: Date;
  /** The start of "recently" for each provider. */
  validSince: ReadonlyMap<string, Date>;
}

const HOUR_MS = 3600_000;
const HOURS = 24;
const MONTHS = 12;
const MONTHS_OF_YEAR = 12;

export class AccountSummaries {
  readonly #accounts: Model<AccountDocument>;
  readonly #ids: mongo.Collection<{ _id: string }>;
  readonly #stored: StoredCounts;

  constructor(connection: Connection, stored: StoredCounts) {
    this.#accounts = accountModel(connection);
    this.#ids = connection.collection<{ _id: string }>(this.#accounts.collection.name);
    this.#stored = stored;
  }

  /** Counted now if the organisation has few accounts, and otherwise by a worker some time ago. */
  async of(query: SummaryQuery): Promise<Counted<AccountSummary>> {
    const { organisation, now } = query;
    const { atOnceMax } = this.#stored;
    return this.#stored.serve({ kind: 'accounts', organisation }, now, async () => {
      const groups = await this.#accounts.aggregate<SummaryGroup>([
        { $match: { organisation } },
        { $limit: atOnceMax + 1 },
        groupOf(query),
      ]);
      const { summary, size } = summed(groups, query);
      return { counts: summary, complete: size <= atOnceMax };
    });
  }

  /** Counts all accounts of the organisation, in ranges. */
  async recount(query: SummaryQuery, signal: AbortSignal): Promise<Recount<AccountSummary>> {
    const { organisation } = query;
    let groups: SummaryGroup[] = [];
    for await (const _id of idRanges(this.#ids, { organisation }, signal)) {
      const found = await this.#accounts.aggregate<SummaryGroup>([
        { $match: { organisation, ...(Object.keys(_id).length === 0 ? {} : { _id }) } },
        groupOf(query),
      ]);
      groups = merged([...groups, ...found]);
    }
    const { summary, size } = summed(groups, query);
    return { counts: summary, size };
  }
}

interface SummaryGroup {
  _id: {
    provider: string;
    environment: string;
    kind?: string | null;
    state: AccountState;
    quarantine?: boolean;
    soon: boolean;
    verdict?: TokenVerdict | null;
    /** Whether the last validation is recent. */
    recent: boolean;
    /** The hour in which the access token expires, counted from the current one; {@link ENDED} if it has expired. */
    hour: number;
    /** The month in which the refresh token expires; `null` if it has expired or does not expire. */
    month: number | null;
  };
  count: number;
}

/** The `hour` of access tokens that have expired. */
const ENDED = -1;

/** One group per combination of all that is counted: cheaper than a sum per number. Each operator costs time per account. */
function groupOf({ now, validSince }: SummaryQuery) {
  const end = momentOrNever('$current.expires_at');
  const refreshEnd = '$current.refresh_token_expires_at';
  return {
    $group: {
      _id: {
        provider: '$provider',
        environment: '$environment',
        kind: '$kind',
        state: '$state',
        quarantine: '$quarantine',
        soon: { $lte: [momentOrNever('$expiring_soon_at'), now] },
        verdict: '$last_validation.outcome',
        recent: { $gt: ['$last_validation.at', sinceOf(validSince, now)] },
        hour: {
          $cond: [
            { $lte: [end, now] },
            ENDED,
            { $floor: { $divide: [{ $subtract: [end, startOfHour(now)] }, HOUR_MS] } },
          ],
        },
        month: {
          $cond: [
            { $lte: [refreshEnd, now] },
            null,
            {
              $add: [
                { $multiply: [{ $year: refreshEnd }, MONTHS_OF_YEAR] },
                { $month: refreshEnd },
              ],
            },
          ],
        },
      },
      count: { $sum: 1 },
    },
  };
}

/** The start of "recently" for the account's provider; one date if it is the same for all. */
function sinceOf(validSince: ReadonlyMap<string, Date>, now: Date): object {
  const [[, first] = ['', now]] = validSince;
  // Without $switch, which the embedded server does not know.
  return [...validSince].reduce<object>(
    (otherwise, [provider, since]) =>
      since.getTime() === first.getTime()
        ? otherwise
        : { $cond: [{ $eq: ['$provider', provider] }, since, otherwise] },
    first,
  );
}

/** Later than any expiry, for tokens without one; in aggregations, `null` sorts before dates. */
const NEVER = new Date('9999-12-31T00:00:00.000Z');
export const momentOrNever = (moment: string) => ({ $ifNull: [moment, NEVER] });

/** Adds up groups with the same members. */
function merged(groups: readonly SummaryGroup[]): SummaryGroup[] {
  const sums = new Map<string, SummaryGroup>();
  for (const { _id, count } of groups) {
    const key = JSON.stringify(_id);
    sums.set(key, { _id, count: (sums.get(key)?.count ?? 0) + count });
  }
  return [...sums.values()];
}

function summed(groups: readonly SummaryGroup[], { now, validSince }: SummaryQuery) {
  const accounts = new Map<string, AccountCounts>();
  const accessTokensEnding = piecesOf(hoursFrom(now));
  const refreshTokensEnding = piecesOf(monthsFrom(now));
  const validations = new Map(
    [...validSince.keys()].map((provider) => [
      provider,
      { provider, validatedRecently: 0, invalid: 0 },
    ]),
  );
  for (const { _id: group, count } of groups) {
    const { provider, environment, kind = null, state, verdict } = group;
    const key = JSON.stringify([provider, environment, kind]);
    const counts = accounts.get(key) ?? noAccounts({ provider, environment, kind });
    accounts.set(key, counts);
    counts.total += count;
    const hasExpired = group.hour === ENDED;
    counts.byStatus[derivedStatus(state, { hasExpired, expiresSoon: group.soon })] += count;
    if (group.quarantine === true) counts.quarantined += count;
    if (isOutOfService(state)) continue;
    // A token that no caller asks for may expire.
    if (hasExpired && group.soon) counts.accessTokenEnded += count;
    const verdicts = validations.get(provider);
    if (verdicts !== undefined && verdict === 'valid' && group.recent)
      verdicts.validatedRecently += count;
    if (verdicts !== undefined && verdict === 'invalid') verdicts.invalid += count;
    addTo(accessTokensEnding, group.hour, count);
    if (group.month !== null) addTo(refreshTokensEnding, group.month - monthNumber(now), count);
  }
  const sorted = [...accounts].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const summary: AccountSummary = {
    accounts: sorted.map(([, counts]) => counts),
    validations: [...validations.values()],
    accessTokensEnding,
    refreshTokensEnding,
  };
  return { summary, size: groups.reduce((all, { count }) => all + count, 0) };
}

function noAccounts(of: Pick<AccountCounts, 'provider' | 'environment' | 'kind'>): AccountCounts {
  const byStatus = Object.fromEntries(ACCOUNT_STATUSES.map((status) => [status, 0]));
  return {
    ...of,
    total: 0,
    byStatus: byStatus as Record<AccountStatus, number>,
    quarantined: 0,
    accessTokenEnded: 0,
  };
}

/** The boundaries of the next hours. */
function hoursFrom(now: Date): Date[] {
  const start = startOfHour(now).getTime();
  return Array.from({ length: HOURS + 1 }, (_, hour) => new Date(start + hour * HOUR_MS));
}

function startOfHour(at: Date): Date {
  return new Date(Math.floor(at.getTime() / HOUR_MS) * HOUR_MS);
}

/** The boundaries of the next months, UTC. */
function monthsFrom(now: Date): Date[] {
  return Array.from(
    { length: MONTHS + 1 },
    (_, month) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + month)),
  );
}

function monthNumber(at: Date): number {
  return at.getUTCFullYear() * MONTHS_OF_YEAR + at.getUTCMonth() + 1;
}

function piecesOf(boundaries: readonly Date[]): TokensEnding[] {
  return boundaries.slice(1).map((to, index) => ({ from: boundaries[index] ?? to, to, count: 0 }));
}

function addTo(pieces: readonly TokensEnding[], index: number, count: number): void {
  const piece = pieces[index];
  if (piece !== undefined) piece.count += count;
}
