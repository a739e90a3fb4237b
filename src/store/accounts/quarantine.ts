/** Accounts in quarantine: another system still refreshes their grants, so imports may replace them until release. */
import mongoose, { type Connection, type Model, type QueryFilter } from 'mongoose';
import { type Account, AccountState } from '../../domain/account/account';
import { accountDueTimes, type RefreshRules } from '../../domain/account/due-times';
import { replacingGrant, type SealedGrant } from '../../domain/account/grant';
import { isBroken, recoveredEvent } from '../../domain/events/event';
import { grantPlace, type Vault } from '../../vault/vault';
import { isDuplicateKey } from '../mongo/database';
import { fromDueTimes, fromGrant, toAccount } from './account-mapping';
import { type AccountDocument, accountModel } from './account-model';
import { type AccountIdentity, identityKey } from './accounts';
import { enteredMember, NOT_ENTERED } from './entered-refresh-token';

export class Quarantine {
  readonly #accounts: Model<AccountDocument>;
  readonly #rules: RefreshRules;
  readonly #vault: Pick<Vault, 'resealGrant'>;

  constructor(connection: Connection, rules: RefreshRules, vault: Pick<Vault, 'resealGrant'>) {
    this.#vault = vault;
    this.#accounts = accountModel(connection);
    this.#rules = rules;
  }

  /** The organisation's accounts in quarantine that have one of these identities. */
  async find(organisation: string, identities: readonly AccountIdentity[]): Promise<Account[]> {
    if (identities.length === 0) return [];
    const wanted = new Set(identities.map(identityKey));
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
    return documents.map(toAccount).filter((account) => wanted.has(identityKey(account)));
  }

  /**
   * Replaces the grant of an account in quarantine with the one that the other system holds now.
   * @param grant encrypted for this account
   * @param enteredRefreshToken as for a new account
   * @returns `released` if the account was released in the meantime, `token_held_elsewhere` if another account was
   * given the refresh token; in both cases the account is unchanged
   */
  async replaceGrant(
    account: Account,
    grant: SealedGrant,
    enteredRefreshToken: string | null,
    now: Date,
  ): Promise<'replaced' | 'released' | 'token_held_elsewhere'> {
    try {
      return (await this.#replace(account, grant, enteredRefreshToken, now))
        ? 'replaced'
        : 'released';
    } catch (error) {
      // No other member that this update writes has a unique index.
      if (isDuplicateKey(error)) return 'token_held_elsewhere';
      throw error;
    }
  }

  async #replace(
    account: Account,
    grant: SealedGrant,
    enteredRefreshToken: string | null,
    now: Date,
  ): Promise<boolean> {
    const current = this.#vault.resealGrant(
      replacingGrant(grant, account.current),
      grantPlace(account, account.generation + 1),
    );
    const dueTimes = accountDueTimes(
      {
        ...account,
        current,
        lastRefreshedAt: null,
        nextAttemptAt: null,
        refreshTokenWarnedDays: null,
        validatedAt: null,
        candidate: null,
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
        ...(enteredRefreshToken === null ? NOT_ENTERED : {}),
        $set: {
          ...enteredMember(account, enteredRefreshToken),
          ...fromDueTimes(dueTimes),
          refresh_token_warned_days: null,
          last_validation: null,
          validated_at: null,
          unanswered: null,
          refused_generation: null,
          current: fromGrant(current),
          previous: fromGrant(account.current),
          // The candidate is older than this grant and must not replace it.
          candidate: null,
          state: AccountState.active,
          state_reason: null,
          state_at: now,
          last_refreshed_at: null,
          last_error: null,
          failed_attempts: 0,
          proven: false,
          refused_at: null,
          next_attempt_at: null,
          stale_restore: false,
        },
        $inc: { generation: 1 },
      },
    );
    return result.matchedCount === 1;
  }

  /**
   * Releases accounts from quarantine; their due times then apply.
   * @returns the number of released accounts
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
      { $set: { quarantine: false }, $unset: { quarantined_at: '' } },
    );
    return result.modifiedCount;
  }
}

const IN_QUARANTINE = { quarantine: true };
