/**
 * The steps of a disconnection on its account. Each is one conditional update that names the disconnection, so that a
 * reconnect or a later disconnection is never overwritten. Safe to repeat.
 */
import type { Connection, Model } from 'mongoose';
import { type Account, AccountState } from '../../domain/account/account';
import {
  type DisconnectedToken,
  type Disconnection,
  resultOf,
} from '../../domain/connect/disconnection';
import { storedTokens } from '../../domain/connect/stored-tokens';
import { disconnectedEvent } from '../../domain/events/event';
import { grantPlace, type Vault } from '../../vault/vault';
import { fromDisconnection, fromGrant, toAccount } from './account-mapping';
import { type AccountDocument, accountsOfAllOrganisations } from './account-model';
import { NOT_ENTERED } from './entered-refresh-token';

/** Writes per step. Each conflict is another process's success; after this many in a row, something else is wrong. */
const WRITES_MAX = 10;

/** The account while its tokens are being revoked. */
export type Disconnecting = Account & { disconnection: Disconnection };

export class Disconnections {
  readonly #accounts: Model<AccountDocument>;
  readonly #vault: Pick<Vault, 'resealGrant'>;

  constructor(connection: Connection, vault: Pick<Vault, 'resealGrant'>) {
    this.#accounts = accountsOfAllOrganisations(connection);
    this.#vault = vault;
  }

  /**
   * Takes the account out of service. From now on no refresh begins, and the next generation fences off a refresh in
   * flight, whose grant is then kept as an orphaned grant.
   * @returns `null` if the account does not exist
   */
  async begin(
    accountId: string,
    { id, by, now }: { id: string; by: string; now: Date },
  ): Promise<Disconnecting | null> {
    for (let written = 0; written < WRITES_MAX; written += 1) {
      // oxlint-disable-next-line no-await-in-loop -- each round depends on the one before
      const account = await this.#read(accountId);
      if (account === null) return null;
      if (isOf(account, id)) return account;
      const generation = account.generation + 1;
      const current = this.#vault.resealGrant(account.current, grantPlace(account, generation));
      // oxlint-disable-next-line no-await-in-loop
      const begun = await this.#update(account, {
        state: AccountState.disconnected,
        state_reason: REVOKING,
        state_at: now,
        generation,
        current: fromGrant(current),
        disconnection: fromDisconnection({
          id,
          startedAt: now,
          startedBy: by,
          finishedAt: null,
          attempts: 0,
          nextAttemptAt: null,
          tokens: [],
        }),
      });
      if (begun !== null && isOf(begun, id)) return begun;
    }
    throw new Error('an account kept changing while its disconnection was to begin');
  }

  /** @returns `null` if the account was deleted, or this disconnection is no longer its last one */
  async find(accountId: string, id: string): Promise<Disconnecting | null> {
    const account = await this.#read(accountId);
    return account !== null && isOf(account, id) ? account : null;
  }

  /** Records results and the progress of the revocations. */
  async record(
    accountId: string,
    id: string,
    progress: Pick<Disconnection, 'attempts' | 'nextAttemptAt'> & { tokens: DisconnectedToken[] },
  ): Promise<void> {
    await this.#accounts.updateOne(
      { _id: accountId, 'disconnection.id': id, 'disconnection.finished_at': null },
      {
        $set: {
          'disconnection.attempts': progress.attempts,
          'disconnection.next_attempt_at': progress.nextAttemptAt,
          'disconnection.tokens': progress.tokens,
        },
      },
    );
  }

  /**
   * Deletes all encrypted tokens of the account, and raises the event in the same write.
   * @param account as read after the last result was recorded
   * @returns `false` if the account has changed since, for example because a grant arrived that was not revoked
   */
  async finish(account: Disconnecting, now: Date): Promise<boolean> {
    const { disconnection } = account;
    const results = {
      refreshToken: resultOf(disconnection.tokens, 'refresh_token'),
      accessToken: resultOf(disconnection.tokens, 'access_token'),
    };
    const result = await this.#accounts.updateOne(
      {
        _id: account.id,
        generation: account.generation,
        state: AccountState.disconnected,
        'disconnection.id': disconnection.id,
        'disconnection.finished_at': null,
        orphaned_grants: { $size: account.orphanedGrants.length },
      },
      {
        $set: {
          ...NO_TOKENS,
          current: fromGrant({
            ...account.current,
            accessToken: null,
            refreshToken: null,
            accessTokenFingerprint: null,
            refreshTokenFingerprint: null,
            expiresAt: null,
            refreshTokenExpiresAt: null,
          }),
          state_reason: DISCONNECTED,
          state_at: now,
          'disconnection.finished_at': now,
          'disconnection.next_attempt_at': null,
        },
        ...NOT_ENTERED,
        $push: { unsent_events: disconnectedEvent(account, results, now) },
      },
    );
    return result.matchedCount === 1;
  }

  async #read(accountId: string): Promise<Account | null> {
    const document = await this.#accounts.findById(accountId).lean<AccountDocument>();
    return document === null ? null : toAccount(document);
  }

  async #update(account: Account, set: object): Promise<Account | null> {
    const document = await this.#accounts
      .findOneAndUpdate(
        { _id: account.id, generation: account.generation },
        { $set: set },
        { returnDocument: 'after' },
      )
      .lean<AccountDocument>();
    return document === null ? null : toAccount(document);
  }
}

function isOf(account: Account, id: string): account is Disconnecting {
  return account.disconnection?.id === id;
}

/** Whether the account still stores a token that the disconnection has not revoked. */
export function hasUnplannedToken(account: Disconnecting): boolean {
  const planned = new Set(account.disconnection.tokens.map(({ fingerprint }) => fingerprint));
  return storedTokens(account).some(({ fingerprint }) => !planned.has(fingerprint));
}

const REVOKING =
  'The account is being disconnected: Evergrant revokes its tokens at the provider, and then deletes them.';
const DISCONNECTED =
  'The account was disconnected, and its tokens were deleted. To use it again, its owner must reconnect it.';

/** The members that hold tokens, or say something about them, of an account without any. */
const NO_TOKENS = {
  previous: null,
  orphaned_grants: [],
  candidate: null,
  replaced: null,
  fallback: null,
  claim: null,
  unanswered: null,
  next_attempt_at: null,
  due_at: null,
  expiring_soon_at: null,
  first_expiry_at: null,
  refresh_token_warning_at: null,
  validation_due_at: null,
} satisfies Partial<Record<keyof AccountDocument, unknown>>;
