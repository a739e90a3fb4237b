/** The accounts whose owners are to be warned that a refresh token ends: one range scan over a stored clock. */
import type { Connection, Model } from 'mongoose';
import { type Account, AccountState } from '../domain/account';
import { refreshTokenExpiringEvent } from '../domain/event';
import { accountClocks, type RefreshRules } from '../domain/refresh-policy';
import { fromClocks, toAccount } from './account-mapping';
import { type AccountDocument, accountsOfAllOrganisations } from './account-model';

export class RefreshTokenWarnings {
  readonly #accounts: Model<AccountDocument>;
  readonly #rules: RefreshRules;

  constructor(connection: Connection, rules: RefreshRules) {
    this.#accounts = accountsOfAllOrganisations(connection);
    this.#rules = rules;
  }

  /** Those whose warning is due, the longest due first. What is marked does not come again. */
  async due(query: {
    provider: string;
    environment: string | null;
    now: Date;
    limit: number;
  }): Promise<Account[]> {
    const documents = await this.#accounts
      .find({
        provider: query.provider,
        state: AccountState.active,
        ...(query.environment === null ? {} : { environment: query.environment }),
        refresh_token_warning_at: { $lte: query.now },
      })
      .sort({ refresh_token_warning_at: 1, _id: 1 })
      .limit(query.limit)
      .lean<AccountDocument[]>();
    return documents.map(toAccount);
  }

  /**
   * Remembers that the warning of so many days was given, and leaves the event that tells of it with the account.
   * @returns `false` if the grant is another one by now, or another worker was first
   */
  async mark(account: Account, days: number, at: Date): Promise<boolean> {
    const expiresAt = account.current.refreshTokenExpiresAt;
    const marked = { ...account, refreshTokenWarnedDays: days };
    const { refresh_token_warning_at } = fromClocks(
      accountClocks(marked, this.#rules(account.provider)),
    );
    const { matchedCount } = await this.#accounts.updateOne(
      {
        _id: account.id,
        generation: account.generation,
        refresh_token_warned_days: account.refreshTokenWarnedDays,
      },
      {
        $set: { refresh_token_warned_days: days, refresh_token_warning_at },
        ...(expiresAt === null
          ? {}
          : {
              $push: {
                unsent_events: refreshTokenExpiringEvent(account, {
                  expiresAt,
                  daysLeft: days,
                  at,
                }),
              },
            }),
      },
      { timestamps: false },
    );
    return matchedCount === 1;
  }
}
