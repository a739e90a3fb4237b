/** Accounts whose stored refresh token is older than the latest one received, as after a restore from a backup. */
import type { Connection, Model } from 'mongoose';
import { type Account, AccountState, isOutOfService } from '../../domain/account/account';
import { needsReconnectEvent } from '../../domain/events/event';
import type { GenerationMark } from '../../domain/refresh/generation-mark';
import { refreshFailure } from '../../domain/refresh/refresh-failure';
import { grantPlace, type Vault } from '../../vault/vault';
import { fromGrant, toAccount } from './account-mapping';
import { type AccountDocument, accountsOfAllOrganisations } from './account-model';

export class Restores {
  readonly #accounts: Model<AccountDocument>;

  readonly #vault: Pick<Vault, 'resealGrant'>;

  constructor(connection: Connection, vault: Pick<Vault, 'resealGrant'>) {
    this.#vault = vault;
    this.#accounts = accountsOfAllOrganisations(connection);
  }

  /** The number of marked accounts that exist, and the accounts whose generation is lower than their newest mark. */
  async compare(
    marks: readonly GenerationMark[],
  ): Promise<{ known: number; behind: { account: Account; generation: number }[] }> {
    const newest = new Map<string, number>();
    for (const { accountId, generation } of marks)
      newest.set(accountId, Math.max(generation, newest.get(accountId) ?? 0));
    const generations = await this.#accounts
      .find({ _id: { $in: [...newest.keys()] } })
      .select({ generation: 1 })
      .lean<Pick<AccountDocument, '_id' | 'generation'>[]>();
    const ids = generations
      .filter(({ _id, generation }) => generation < (newest.get(_id) ?? 0))
      .map(({ _id }) => _id);
    const documents =
      ids.length === 0
        ? []
        : await this.#accounts.find({ _id: { $in: ids } }).lean<AccountDocument[]>();
    return {
      known: generations.length,
      behind: documents.map((document) => ({
        account: toAccount(document),
        generation: newest.get(document._id) ?? document.generation,
      })),
    };
  }

  /**
   * Takes an account out of service until it is reconnected, so that its outdated refresh token is never sent. The
   * account takes the newer generation, so that the next grant is newer still. A disabled or disconnected account stays so. A
   * candidate or replaced grant from the backup may have been used since, too, and is dropped.
   * @returns `false` if the account had changed
   */
  async markStale(account: Account, generation: number, now: Date): Promise<boolean> {
    const state = isOutOfService(account.state)
      ? {}
      : {
          state: AccountState.needsReconnect,
          state_reason: refreshFailure('stale_restore').message,
          state_at: now,
        };
    const result = await this.#accounts.updateOne(
      { _id: account.id, generation: account.generation, state: account.state },
      {
        $set: {
          ...state,
          generation,
          current: fromGrant(
            this.#vault.resealGrant(account.current, grantPlace(account, generation)),
          ),
          stale_restore: true,
          claim: null,
          candidate: null,
          replaced: null,
        },
        ...(account.state === AccountState.active
          ? {
              $push: {
                unsent_events: needsReconnectEvent(account, {
                  state: AccountState.needsReconnect,
                  reason: 'stale_restore',
                  at: now,
                }),
              },
            }
          : {}),
      },
    );
    return result.matchedCount === 1;
  }
}
