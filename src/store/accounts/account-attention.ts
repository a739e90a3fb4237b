/** The accounts of an organisation that need their owner: broken ones by reason, and refresh tokens about to expire. */
import mongoose, { type Connection, type Model } from 'mongoose';
import { AccountState } from '../../domain/account/account';
import type { Counted, Recount, StoredCounts } from '../mongo/stored-counts';
import { type AccountDocument, accountModel } from './account-model';

/** Accounts in one broken state for one reason. */
interface BrokenAccounts {
  state: 'needs_reconnect' | 'inactive';
  /** The code of the last failure; `null` if none is stored. */
  code: string | null;
  count: number;
  /** When the first of them changed to this state. */
  oldestAt: Date;
}

export interface Attention {
  broken: BrokenAccounts[];
  /** Active accounts whose refresh token expires within {@link ATTENTION_AHEAD_MS}. */
  refreshTokensEnding: number;
}

interface AttentionQuery {
  organisation: string;
  now: Date;
}

/** How long before its expiry a refresh token needs attention, in ms. */
const ATTENTION_AHEAD_MS = 7 * 24 * 3600_000;

const BROKEN_STATES = [AccountState.needsReconnect, AccountState.inactive];
const ALL_STATES_BUT_ACTIVE = Object.values(AccountState).filter(
  (state) => state !== AccountState.active,
);

export class AccountAttention {
  readonly #accounts: Model<AccountDocument>;
  readonly #stored: StoredCounts;

  constructor(connection: Connection, stored: StoredCounts) {
    this.#accounts = accountModel(connection);
    this.#stored = stored;
  }

  /** Counted now if few accounts are concerned, and otherwise by a worker some time ago. */
  async of(query: AttentionQuery): Promise<Counted<Attention>> {
    const { organisation, now } = query;
    const { atOnceMax } = this.#stored;
    return this.#stored.serve({ kind: 'attention', organisation }, now, async () => {
      const { counts, size } = await this.#counted(query, atOnceMax + 1);
      return { counts, complete: size <= atOnceMax };
    });
  }

  /** Counts all accounts that are concerned. */
  async recount(query: AttentionQuery): Promise<Recount<Attention>> {
    return this.#counted(query);
  }

  async #counted(
    { organisation, now }: AttentionQuery,
    limit?: number,
  ): Promise<Recount<Attention>> {
    const limited = limit === undefined ? [] : [{ $limit: limit }];
    const [broken, ending] = await Promise.all([
      this.#accounts.aggregate<
        { _id: Omit<BrokenAccounts, 'count' | 'oldestAt'> } & BrokenAccounts
      >([
        { $match: { organisation, state: { $in: BROKEN_STATES } } },
        ...limited,
        {
          $group: {
            _id: { state: '$state', code: { $ifNull: ['$last_error.code', null] } },
            count: { $sum: 1 },
            oldestAt: { $min: '$state_at' },
          },
        },
      ]),
      this.#accounts.countDocuments(
        {
          organisation,
          // With equality, the server may read all active accounts by the index of states.
          state: mongoose.trusted({ $nin: ALL_STATES_BUT_ACTIVE }),
          'current.refresh_token_expires_at': mongoose.trusted({
            $gt: now,
            $lte: new Date(now.getTime() + ATTENTION_AHEAD_MS),
          }),
        },
        limit === undefined ? {} : { limit },
      ),
    ]);
    const groups = broken.map(({ _id: { state, code }, count, oldestAt }) => ({
      state,
      code,
      count,
      oldestAt,
    }));
    const size = Math.max(
      ending,
      groups.reduce((all, { count }) => all + count, 0),
    );
    return {
      counts: {
        broken: groups.toSorted((a, b) => b.count - a.count),
        refreshTokensEnding: ending,
      },
      size,
    };
  }
}
