/** Accounts whose refresh token is older than what was received: so it is after the database was restored from a backup. */
import type { Connection, Model } from 'mongoose';
import { type Account, AccountState } from '../domain/account';
import { needsReconnectEvent } from '../domain/event';
import type { GenerationMark } from '../domain/generation-mark';
import { refreshFailure } from '../domain/refresh-failure';
import { toAccount } from './account-mapping';
import { type AccountDocument, accountsOfAllOrganisations } from './account-model';

export class Restores {
  readonly #accounts: Model<AccountDocument>;

  constructor(connection: Connection) {
    this.#accounts = accountsOfAllOrganisations(connection);
  }

  /** How many of the accounts there are, and those whose generation is lower than the newest of their marks. */
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
   * Takes an account out of service until it is connected again: nobody may send its refresh token. It takes on the
   * generation that it has had, so that the next grant is a newer one. An account that is disabled stays so.
   * @returns `false` if it had moved on
   */
  async markStale(account: Account, generation: number, now: Date): Promise<boolean> {
    const state =
      account.state === AccountState.disabled
        ? {}
        : {
            state: AccountState.needsReconnect,
            state_reason: refreshFailure('stale_restore').message,
            state_at: now,
          };
    const result = await this.#accounts.updateOne(
      { _id: account.id, generation: account.generation, state: account.state },
      {
        $set: { ...state, generation, stale_restore: true, claim: null },
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
