/** The due list, most urgent first: range scans over stored clocks, so that a sweep costs what is due and not what there is. */
import type { Connection, Model, QueryFilter } from 'mongoose';
import { AccountState } from '../domain/account';
import type { DueAccount, DueCursor } from '../domain/sweep';
import {
  type AccountDocument,
  accountsOfAllOrganisations,
  NOT_IN_QUARANTINE,
} from './account-model';
import { beyond } from './keyset';
import type { LaneName } from './lanes';

export interface DueQuery {
  provider: string;
  environment: string | null;
  /** Environments whose accounts are left out. */
  without?: readonly string[];
  now: Date;
  /** Due accounts whose access token ends until then come first, the soonest at the top. */
  expiringUntil: Date;
  cursor: DueCursor;
  limit: number;
}

const CLOCKS = { expiring: 'current.expires_at', rest: 'due_at' } as const;

export class DueAccounts {
  readonly #accounts: Model<AccountDocument>;

  constructor(connection: Connection) {
    this.#accounts = accountsOfAllOrganisations(connection);
  }

  /** One page: first what expires soonest, then what has been due for longest. `next: null` after the last. */
  async page(query: DueQuery): Promise<{ accounts: DueAccount[]; next: DueCursor | null }> {
    const { cursor, expiringUntil, limit, now } = query;
    const expiring = cursor.scan === 'expiring';
    const clock = CLOCKS[cursor.scan];
    const documents = await this.#accounts
      .find({
        provider: query.provider,
        state: AccountState.active,
        ...NOT_IN_QUARANTINE,
        ...environmentsOf(query),
        due_at: { $lte: now },
        'current.expires_at': expiring ? { $lte: expiringUntil } : { $gt: expiringUntil },
        ...after(clock, cursor),
      })
      .select({ organisation: 1, environment: 1, label: 1, 'current.expires_at': 1, due_at: 1 })
      .sort({ [clock]: 1, _id: 1 })
      .limit(limit)
      .lean<(Listed & Pick<AccountDocument, 'current' | 'due_at'>)[]>();
    const accounts = documents.map(dueAccount);
    const last = documents.at(-1);
    if (documents.length === limit && last !== undefined) {
      const at = expiring ? last.current.expires_at : last.due_at;
      const place = { at: at?.toISOString() ?? null, accountId: last._id };
      return { accounts, next: { scan: cursor.scan, ...place } };
    }
    return { accounts, next: expiring ? { scan: 'rest', at: null, accountId: null } : null };
  }

  /** How many accounts sweeps look after, of all organisations, lane by lane. */
  async lookedAfter(): Promise<(LaneName & { accounts: number })[]> {
    const groups = await this.#accounts.aggregate<{ _id: LaneName; accounts: number }>([
      { $match: { state: AccountState.active, ...NOT_IN_QUARANTINE, due_at: { $ne: null } } },
      {
        $group: {
          _id: { provider: '$provider', environment: '$environment' },
          accounts: { $sum: 1 },
        },
      },
    ]);
    return groups.map(({ _id: { provider, environment }, accounts }) => ({
      provider,
      environment,
      accounts,
    }));
  }

  /** Whether more than so many are due; no more of them are looked at than that takes. */
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

  /** How many accounts of one lane are due. */
  async count({ provider, environment }: LaneName, now: Date): Promise<number> {
    return this.#accounts.countDocuments({
      provider,
      environment,
      state: AccountState.active,
      ...NOT_IN_QUARANTINE,
      due_at: { $lte: now },
    });
  }

  /**
   * Accounts of one lane that could find out whether it has healed, the soonest to expire first: none that waits for
   * reasons of its own, and those that failed in this very lane only where there is no other.
   */
  async canaries(
    { provider, environment }: LaneName,
    { failing, now, limit }: { failing: readonly string[]; now: Date; limit: number },
  ): Promise<DueAccount[]> {
    const find = (others: QueryFilter<AccountDocument>) =>
      this.#accounts
        .find({
          provider,
          environment,
          state: AccountState.active,
          ...NOT_IN_QUARANTINE,
          claim: null,
          'current.expires_at': { $ne: null },
          ...others,
        })
        .select({ organisation: 1, environment: 1, label: 1 })
        .sort({ 'current.expires_at': 1, _id: 1 })
        .limit(limit)
        .lean<Listed[]>();
    const rested = { $or: [{ next_attempt_at: null }, { next_attempt_at: { $lte: now } }] };
    const best = await find({ _id: { $nin: [...failing] }, ...rested });
    return (best.length > 0 ? best : await find({})).map(dueAccount);
  }
}

/** What is read of an account that is listed for a sweep. */
export type Listed = Pick<AccountDocument, '_id' | 'organisation' | 'environment' | 'label'>;

export function dueAccount({ _id, organisation, environment, label }: Listed): DueAccount {
  return { accountId: _id, organisation, environment, label };
}

/** Those a sweep is to look at. */
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
