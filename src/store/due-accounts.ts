/** The due list, most urgent first: range scans over stored clocks, so that a sweep costs what is due and not what there is. */
import type { Connection, Model } from 'mongoose';
import { AccountState } from '../domain/account';
import type { DueAccount, DueCursor } from '../domain/sweep';
import {
  type AccountDocument,
  accountsOfAllOrganisations,
  NOT_IN_QUARANTINE,
} from './account-model';
import { beyond } from './keyset';

export interface DueQuery {
  provider: string;
  environment: string | null;
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
        ...(query.environment === null ? {} : { environment: query.environment }),
        due_at: { $lte: now },
        'current.expires_at': expiring ? { $lte: expiringUntil } : { $gt: expiringUntil },
        ...after(clock, cursor),
      })
      .select({ organisation: 1, label: 1, 'current.expires_at': 1, due_at: 1 })
      .sort({ [clock]: 1, _id: 1 })
      .limit(limit)
      .lean<Pick<AccountDocument, '_id' | 'organisation' | 'label' | 'current' | 'due_at'>[]>();
    const accounts = documents.map(({ _id, organisation, label }) => ({
      accountId: _id,
      organisation,
      label,
    }));
    const last = documents.at(-1);
    if (documents.length === limit && last !== undefined) {
      const at = expiring ? last.current.expires_at : last.due_at;
      const place = { at: at?.toISOString() ?? null, accountId: last._id };
      return { accounts, next: { scan: cursor.scan, ...place } };
    }
    return { accounts, next: expiring ? { scan: 'rest', at: null, accountId: null } : null };
  }
}

function after(clock: string, cursor: DueCursor): object {
  if (cursor.at === null) return {};
  return beyond(clock, '$gt', { at: new Date(cursor.at), id: cursor.accountId });
}
