/** The due list: two indexed range scans, most urgent first, so that a sweep costs what is due and not what there is. */
import type { Connection, Model } from 'mongoose';
import { AccountState } from '../domain/account';
import type { DueAccount, DueCursor } from '../domain/sweep';
import { type AccountDocument, accountModel } from './account-model';
import { beyond } from './keyset';

export interface DueQuery {
  provider: string;
  environment: string | null;
  /** Due: the access token ends at or before this. */
  expiresBefore: Date;
  /** Due: last refreshed at or before this; `null`: age does not matter. */
  refreshedBefore: Date | null;
  now: Date;
  cursor: DueCursor;
  limit: number;
}

export class DueAccounts {
  readonly #accounts: Model<AccountDocument>;

  constructor(connection: Connection) {
    this.#accounts = accountModel(connection);
  }

  /** One page: first whose access token ends soonest, then the failsafe of age. `next: null` after the last. */
  async page(query: DueQuery): Promise<{ accounts: DueAccount[]; next: DueCursor | null }> {
    const { cursor, limit } = query;
    const byAge = cursor.scan === 'age';
    if (byAge && query.refreshedBefore === null) return { accounts: [], next: null };
    const clock = byAge ? 'last_refreshed_at' : 'current.expires_at';
    const until = byAge ? query.refreshedBefore : query.expiresBefore;
    const documents = await this.#accounts
      .find({
        provider: query.provider,
        state: AccountState.active,
        ...(query.environment === null ? {} : { environment: query.environment }),
        $and: [
          { [clock]: { $lte: until } },
          ...(byAge ? [{ 'current.expires_at': { $gt: query.expiresBefore } }] : []),
          ...after(clock, cursor),
          { $or: [{ next_attempt_at: null }, { next_attempt_at: { $lte: query.now } }] },
        ],
      })
      .select({ organisation: 1, label: 1, 'current.expires_at': 1, last_refreshed_at: 1 })
      .sort({ [clock]: 1, _id: 1 })
      .limit(limit)
      .lean<
        Pick<AccountDocument, '_id' | 'organisation' | 'label' | 'current' | 'last_refreshed_at'>[]
      >();
    const accounts = documents.map(({ _id, organisation, label }) => ({
      accountId: _id,
      organisation,
      label,
    }));
    const last = documents.at(-1);
    if (documents.length === limit && last !== undefined) {
      const at = byAge ? last.last_refreshed_at : last.current.expires_at;
      return {
        accounts,
        next: { scan: cursor.scan, at: at?.toISOString() ?? null, accountId: last._id },
      };
    }
    const more = !byAge && query.refreshedBefore !== null;
    return { accounts, next: more ? { scan: 'age', at: null, accountId: null } : null };
  }
}

function after(clock: string, cursor: DueCursor): object[] {
  if (cursor.at === null) return [];
  return [beyond(clock, '$gt', { at: new Date(cursor.at), id: cursor.accountId })];
}
