/** The due accounts, most urgent first, from range scans: a sweep's cost depends on the number of due accounts only. */
import type { Connection, Model, mongo, QueryFilter } from 'mongoose';
import { AccountState } from '../../domain/account/account';
import type { DueAccount, DueCursor } from '../../domain/refresh/sweep';
import type { AppName } from '../limits/app-limiters';
import { beyond } from '../mongo/keyset';
import { type Counted, idRanges, type Recount, type StoredCounts } from '../mongo/stored-counts';
import {
  type AccountDocument,
  accountsOfAllOrganisations,
  NOT_IN_QUARANTINE,
} from './account-model';

export interface DueQuery {
  provider: string;
  environment: string | null;
  /** Environments to exclude. */
  without?: readonly string[];
  now: Date;
  /** Due accounts with a token that expires by this time come first, ordered by expiry. */
  expiringUntil: Date;
  cursor: DueCursor;
  limit: number;
}

const CLOCKS = { expiring: 'first_expiry_at', rest: 'due_at' } as const;

/** The number of accounts of one OAuth app that sweeps refresh. */
export type AppAccounts = AppName & { accounts: number };

/** Accounts counted for one number of {@link DueAccounts.lateness}. More would make a scrape slow. */
const LATENESS_COUNT_MAX = 5_000;

interface Lateness {
  due: number;
  /** Due for longer than the interval of the sweeps. */
  overdue: number;
  /** A token of the account has expired before it was refreshed. */
  expired: number;
  oldestDueAt: Date | null;
}

interface AppGroup {
  _id: AppName;
  accounts: number;
}

const SWEPT = { state: AccountState.active, ...NOT_IN_QUARANTINE, due_at: { $ne: null } };
const PER_APP = {
  $group: {
    _id: { provider: '$provider', environment: '$environment' },
    accounts: { $sum: 1 },
  },
};

export class DueAccounts {
  readonly #accounts: Model<AccountDocument>;
  readonly #ids: mongo.Collection<{ _id: string }>;
  readonly #stored: StoredCounts;

  constructor(connection: Connection, stored: StoredCounts) {
    this.#accounts = accountsOfAllOrganisations(connection);
    this.#ids = connection.collection<{ _id: string }>(this.#accounts.collection.name);
    this.#stored = stored;
  }

  /** One page: first accounts by soonest expiry, then by longest overdue. `next` is `null` after the last page. */
  async page(query: DueQuery): Promise<{ accounts: DueAccount[]; next: DueCursor | null }> {
    const { cursor, expiringUntil, limit, now } = query;
    const expiring = cursor.scan === 'expiring';
    const clock = CLOCKS[cursor.scan];
    const documents = await this.#accounts
      .find({
        provider: query.provider,
        state: AccountState.active,
        ...NOT_IN_QUARANTINE,
        due_at: { $lte: now },
        first_expiry_at: expiring ? { $lte: expiringUntil } : { $gt: expiringUntil },
        $and: [environmentsOf(query), after(clock, cursor)],
      })
      .select({ organisation: 1, environment: 1, label: 1, first_expiry_at: 1, due_at: 1 })
      .sort({ [clock]: 1, _id: 1 })
      .limit(limit)
      .lean<(Listed & Pick<AccountDocument, 'first_expiry_at' | 'due_at'>)[]>();
    const accounts = documents.map(dueAccount);
    const last = documents.at(-1);
    if (documents.length === limit && last !== undefined) {
      const at = expiring ? last.first_expiry_at : last.due_at;
      const place = { at: at?.toISOString() ?? null, accountId: last._id };
      return { accounts, next: { scan: cursor.scan, ...place } };
    }
    return { accounts, next: expiring ? { scan: 'rest', at: null, accountId: null } : null };
  }

  /**
   * The number of accounts that sweeps refresh, per OAuth app, across organisations. Counted now if there are few, and
   * otherwise by a worker some time ago.
   */
  async perApp(providers: readonly string[], now: Date): Promise<Counted<AppAccounts[]>> {
    const { atOnceMax } = this.#stored;
    return this.#stored.serve({ kind: 'apps', organisation: null }, now, async () => {
      const groups = await this.#accounts.aggregate<AppGroup>([
        { $match: { provider: { $in: [...providers] }, ...SWEPT } },
        { $limit: atOnceMax + 1 },
        PER_APP,
      ]);
      const { counts, size } = summed(groups);
      return { counts, complete: size <= atOnceMax };
    });
  }

  /** Counts the accounts of all providers that sweeps refresh, in ranges. */
  async recountPerApp(signal: AbortSignal): Promise<Recount<AppAccounts[]>> {
    const groups: AppGroup[] = [];
    for await (const _id of idRanges(this.#ids, {}, signal)) {
      const range = Object.keys(_id).length === 0 ? {} : { _id };
      groups.push(
        ...(await this.#accounts.aggregate<AppGroup>([
          { $match: { ...range, ...SWEPT } },
          PER_APP,
        ])),
      );
    }
    return summed(groups);
  }

  /** Whether more than `number` accounts are due. Counts at most `number + 1`. */
  async areMoreThan(number: number, due: Omit<DueQuery, 'expiringUntil' | 'cursor' | 'limit'>) {
    const found = await this.#accounts.countDocuments(
      {
        provider: due.provider,
        state: AccountState.active,
        ...NOT_IN_QUARANTINE,
        ...environmentsOf(due),
        due_at: { $lte: due.now },
      },
      { limit: number + 1 },
    );
    return found > number;
  }

  /** Numbers of a provider's accounts for the metrics, from range scans that end after {@link LATENESS_COUNT_MAX}. */
  async lateness(provider: string, now: Date, sweepEveryMs: number): Promise<Lateness> {
    const swept = { provider, state: AccountState.active, ...NOT_IN_QUARANTINE };
    const count = (clock: 'due_at' | 'first_expiry_at', until: Date) =>
      this.#accounts.countDocuments(
        { ...swept, [clock]: { $lte: until } },
        { limit: LATENESS_COUNT_MAX },
      );
    const [due, overdue, expired, oldest] = await Promise.all([
      count('due_at', now),
      count('due_at', new Date(now.getTime() - sweepEveryMs)),
      count('first_expiry_at', now),
      this.#accounts
        .findOne({ ...swept, due_at: { $lte: now } })
        .select({ due_at: 1 })
        .sort({ due_at: 1 })
        .lean<Pick<AccountDocument, 'due_at'> | null>(),
    ]);
    return { due, overdue, expired, oldestDueAt: oldest?.due_at ?? null };
  }

  /** The number of due accounts of one OAuth app. */
  async count({ provider, environment }: AppName, now: Date): Promise<number> {
    return this.#accounts.countDocuments({
      provider,
      environment,
      state: AccountState.active,
      ...NOT_IN_QUARANTINE,
      due_at: { $lte: now },
    });
  }

  /**
   * Accounts of one OAuth app to use as half-open probes: organisations take turns, and within each the account with
   * the oldest attempt comes first. Unproven accounts are returned only if there are no proven ones.
   */
  async probes(limiter: AppName, query: ProbeQuery): Promise<DueAccount[]> {
    const proven = await this.#probes(limiter, query, true);
    return proven.length > 0 || query.provenOnly ? proven : this.#probes(limiter, query, false);
  }

  async #probes(
    { provider, environment }: AppName,
    { after: last, without, now, limit }: ProbeQuery,
    proven: boolean,
  ): Promise<DueAccount[]> {
    const find = (organisation: QueryFilter<AccountDocument>) =>
      this.#accounts
        .find({
          provider,
          environment,
          proven,
          // A request of an own client says nothing about the OAuth app.
          own_client: { $ne: true },
          state: AccountState.active,
          ...NOT_IN_QUARANTINE,
          claim: null,
          first_expiry_at: { $ne: null },
          $or: [{ next_attempt_at: null }, { next_attempt_at: { $lte: now } }, { proven: false }],
          $and: [organisation],
        })
        .select({ organisation: 1, environment: 1, label: 1 })
        .sort({ organisation: 1, 'last_attempt.finished_at': 1 })
        .limit(limit)
        .lean<Listed[]>();
    const skipped = new Set(without);
    const turns: Listed[][] = [];
    let from = last;
    let wraps = last !== null;
    while (turns.length < limit) {
      const range = from === null ? {} : { organisation: { $gt: from } };
      const found = await find({ $and: [range, { organisation: { $nin: [...skipped] } }] });
      const [first] = found;
      if (first === undefined) {
        if (!wraps) break;
        wraps = false;
        from = null;
        continue;
      }
      turns.push(found.filter(({ organisation }) => organisation === first.organisation));
      skipped.add(first.organisation);
      from = first.organisation;
    }
    return roundRobin(turns).slice(0, limit).map(dueAccount);
  }

  /** Up to `max` organisations that have proven accounts of this OAuth app. */
  async provenOrganisations({ provider, environment }: AppName, max: number): Promise<string[]> {
    const found: string[] = [];
    while (found.length < max) {
      const last = found.at(-1);
      const next = await this.#accounts
        .findOne({
          provider,
          environment,
          proven: true,
          ...(last === undefined ? {} : { organisation: { $gt: last } }),
          state: AccountState.active,
          ...NOT_IN_QUARANTINE,
        })
        .select({ organisation: 1 })
        .sort({ organisation: 1 })
        .lean<Pick<AccountDocument, 'organisation'> | null>();
      if (next === null) break;
      found.push(next.organisation);
    }
    return found;
  }
}

function summed(groups: readonly AppGroup[]): Recount<AppAccounts[]> {
  const apps = new Map<string, AppAccounts>();
  for (const { _id: name, accounts } of groups) {
    const key = JSON.stringify([name.provider, name.environment]);
    apps.set(key, { ...name, accounts: (apps.get(key)?.accounts ?? 0) + accounts });
  }
  const counts = [...apps.values()];
  return { counts, size: counts.reduce((all, { accounts }) => all + accounts, 0) };
}

interface ProbeQuery {
  /** The organisation that was probed last. */
  after: string | null;
  /** Organisations to exclude. */
  without: readonly string[];
  /** Whether to return only accounts whose outcome counts as evidence. */
  provenOnly: boolean;
  now: Date;
  limit: number;
}

/** Interleaves the lists: the first item of each, then the second of each, and so on. */
function roundRobin<T>(turns: readonly (readonly T[])[]): T[] {
  const rounds = Math.max(0, ...turns.map(({ length }) => length));
  return Array.from({ length: rounds }, (_, round) =>
    turns.flatMap((turn) => turn.slice(round, round + 1)),
  ).flat();
}

/** The members that a sweep's listing reads. */
export type Listed = Pick<AccountDocument, '_id' | 'organisation' | 'environment' | 'label'>;

export function dueAccount({ _id, organisation, environment, label }: Listed): DueAccount {
  return { accountId: _id, organisation, environment, label };
}

/** Filters for the environments that the query includes. */
export function environmentsOf({
  environment,
  without = [],
}: Pick<DueQuery, 'environment' | 'without'>): object {
  const conditions: QueryFilter<AccountDocument>[] = [
    ...(environment === null ? [] : [{ environment }]),
    ...(without.length === 0 ? [] : [{ environment: { $nin: [...without] } }]),
  ];
  return conditions.length === 0 ? {} : { $and: conditions };
}

function after(clock: string, cursor: DueCursor): object {
  if (cursor.at === null) return {};
  return beyond(clock, '$gt', { at: new Date(cursor.at), id: cursor.accountId });
}
