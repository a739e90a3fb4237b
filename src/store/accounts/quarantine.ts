/**
 * Accounts in quarantine: another system still refreshes their grants, so that what it has is what counts, and may be
 * handed in again until they are released.
 */
import mongoose, { type Connection, type Model, type QueryFilter } from 'mongoose';
import { type Account, AccountState } from '../domain/account';
import { isBroken, recoveredEvent } from '../domain/event';
import type { SealedGrant } from '../domain/grant';
import { accountClocks, type RefreshRules } from '../domain/refresh-policy';
import { fromClocks, fromGrant, toAccount } from './account-mapping';
import { type AccountDocument, accountModel } from './account-model';
import type { NewAccount } from './accounts';

type Identity = Pick<NewAccount, 'provider' | 'environment' | 'externalId' | 'kind'>;

export class Quarantine {
  readonly #accounts: Model<AccountDocument>;
  readonly #rules: RefreshRules;

  constructor(connection: Connection, rules: RefreshRules) {
    this.#accounts = accountModel(connection);
    this.#rules = rules;
  }

  /** Those of the organisation that are in quarantine and have one of the identities. */
  async find(organisation: string, identities: readonly Identity[]): Promise<Account[]> {
    if (identities.length === 0) return [];
    const wanted = new Set(identities.map(keyOf));
    const externalIds = [...new Set(identities.map(({ externalId }) => externalId))];
    const providers = [...new Set(identities.map(({ provider }) => provider))];
    const filter: QueryFilter<AccountDocument> = {
      organisation,
      provider: mongoose.trusted({ $in: providers }),
      external_id: mongoose.trusted({ $in: externalIds }),
    };
    const documents = await this.#accounts
      .find({ ...filter, ...IN_QUARANTINE })
      .lean<AccountDocument[]>();
    return documents.map(toAccount).filter((account) => wanted.has(keyOf(account)));
  }

  /**
   * Puts the grant that the other system has now in the place of the one that was handed in before.
   * @returns `false` if the account was released meanwhile; then it is left as it is
   */
  async replaceGrant(account: Account, grant: SealedGrant, now: Date): Promise<boolean> {
    const clocks = accountClocks(
      {
        ...account,
        current: grant,
        lastRefreshedAt: now,
        nextAttemptAt: null,
        refreshTokenWarnedDays: null,
        lastValidation: null,
      },
      this.#rules(account.provider),
    );
    const result = await this.#accounts.updateOne(
      {
        organisation: account.organisation,
        _id: account.id,
        generation: account.generation,
        state: account.state,
        ...IN_QUARANTINE,
      },
      {
        ...(isBroken(account.state)
          ? { $push: { unsent_events: recoveredEvent(account, 'reconnected', now) } }
          : {}),
        $set: {
          ...fromClocks(clocks),
          refresh_token_warned_days: null,
          last_validation: null,
          refused_generation: null,
          current: fromGrant(grant),
          previous: fromGrant(account.current),
          state: AccountState.active,
          state_reason: null,
          state_at: now,
          last_refreshed_at: now,
          last_error: null,
          failed_attempts: 0,
          next_attempt_at: null,
          stale_restore: false,
        },
        $inc: { generation: 1 },
      },
    );
    return result.matchedCount === 1;
  }

  /**
   * Takes accounts out of quarantine: from now on they are due as their clocks say.
   * @returns how many were in it
   */
  async release(
    organisation: string,
    which: { provider?: string | undefined; ids?: readonly string[] | undefined },
  ): Promise<number> {
    const { provider, ids } = which;
    const result = await this.#accounts.updateMany(
      {
        organisation,
        ...(provider === undefined ? {} : { provider }),
        ...(ids === undefined ? {} : { _id: mongoose.trusted({ $in: [...ids] }) }),
        ...IN_QUARANTINE,
      },
      { $set: { quarantine: false } },
    );
    return result.modifiedCount;
  }
}

const IN_QUARANTINE = { quarantine: true };

/** Equal for two accounts that the index of identities takes for one. */
export function keyOf({ provider, environment, externalId, kind }: Identity): string {
  return JSON.stringify([provider, environment, externalId, kind]);
}
