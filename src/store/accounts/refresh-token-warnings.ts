/** Accounts to warn about because their refresh token expires soon: one range scan over a stored due time. */
import type { Connection, Model } from 'mongoose';
import { type Account, AccountState } from '../../domain/account/account';
import { accountDueTimes, type RefreshRules } from '../../domain/account/due-times';
import { refreshTokenExpiringEvent } from '../../domain/events/event';
import { fromDueTimes, toAccount } from './account-mapping';
import { type AccountDocument, accountsOfAllOrganisations } from './account-model';

export class RefreshTokenWarnings {
  readonly #accounts: Model<AccountDocument>;
  readonly #rules: RefreshRules;

  constructor(connection: Connection, rules: RefreshRules) {
    this.#accounts = accountsOfAllOrganisations(connection);
    this.#rules = rules;
  }

  /** Accounts whose warning is due, longest overdue first. Marked accounts are not returned again. */
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
   * Records that the warning for this number of days was given, and stores its event with the account.
   * @returns `false` if the grant has changed, or another worker recorded the warning first
   */
  async mark(account: Account, days: number, at: Date): Promise<boolean> {
    const expiresAt = account.current.refreshTokenExpiresAt;
    const marked = { ...account, refreshTokenWarnedDays: days };
    const { refresh_token_warning_at } = fromDueTimes(
      accountDueTimes(marked, this.#rules(account.provider)),
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
