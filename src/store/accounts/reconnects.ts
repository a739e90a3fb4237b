/**
 * Candidate grants, which a refresh tries before they become current, and the grants that a reconnect replaced.
 * `Grants` writes the attempts.
 */
import type { Connection, Model } from 'mongoose';
import type { Candidate } from '../../domain/account/account';
import { type Account, OUT_OF_SERVICE } from '../../domain/account/account';
import { accountDueTimes, type RefreshRules } from '../../domain/account/due-times';
import { NO_GENERATION } from '../../domain/account/grant';
import { grantPlace, type Vault } from '../../vault/vault';
import { isDuplicateKey } from '../mongo/database';
import { fromCandidate, fromDueTimes } from './account-mapping';
import { type AccountDocument, accountsOfAllOrganisations } from './account-model';
import { RefreshTokenHeldError } from './accounts';
import { enteredMember, NOT_ENTERED } from './entered-refresh-token';

/** Replaced grants that one call deletes. */
const EXPIRED_MAX = 1_000;

export class Reconnects {
  readonly #accounts: Model<AccountDocument>;
  readonly #rules: RefreshRules;
  readonly #vault: Pick<Vault, 'resealGrant'>;

  constructor(connection: Connection, rules: RefreshRules, vault: Pick<Vault, 'resealGrant'>) {
    this.#vault = vault;
    this.#accounts = accountsOfAllOrganisations(connection);
    this.#rules = rules;
  }

  /**
   * Stores a candidate grant, replacing one that is waiting. The current grant does not change.
   * @param before as read: only the candidate in it is replaced
   * @param enteredRefreshToken as for a new account
   * @returns `false` if the account had changed, or the waiting candidate is being sent
   * @throws {RefreshTokenHeldError}
   */
  async submit(
    before: Account,
    candidate: Candidate,
    enteredRefreshToken: string | null,
  ): Promise<boolean> {
    const waiting = before.candidate?.fingerprint ?? null;
    const { due_at, first_expiry_at } = fromDueTimes(
      accountDueTimes({ ...before, candidate }, this.#rules(before.provider)),
    );
    const filter = {
      _id: before.id,
      organisation: before.organisation,
      generation: before.generation,
      state: { $nin: OUT_OF_SERVICE },
      quarantine: false,
      'candidate.fingerprint': waiting,
      ...(waiting === null ? {} : { 'claim.refresh_token_fingerprint': { $ne: waiting } }),
    };
    const grant = this.#vault.resealGrant(candidate.grant, grantPlace(before, NO_GENERATION));
    const set = { candidate: fromCandidate({ ...candidate, grant }), due_at, first_expiry_at };
    try {
      const { matchedCount } = await this.#accounts.updateOne(filter, {
        $set: { ...set, ...enteredMember(before, enteredRefreshToken) },
        ...(enteredRefreshToken === null ? NOT_ENTERED : {}),
      });
      return matchedCount === 1;
    } catch (error) {
      // No other member that this update writes has a unique index.
      throw isDuplicateKey(error) ? new RefreshTokenHeldError() : error;
    }
  }

  /** Deletes replaced grants that can no longer be restored, across organisations. */
  async dropExpired(now: Date): Promise<void> {
    const expired = await this.#accounts
      .find({ 'replaced.until': { $lte: now } })
      .select({ _id: 1 })
      .limit(EXPIRED_MAX)
      .lean<Pick<AccountDocument, '_id'>[]>();
    if (expired.length === 0) return;
    await this.#accounts.updateMany(
      { _id: { $in: expired.map(({ _id }) => _id) }, 'replaced.until': { $lte: now } },
      { $set: { replaced: null } },
      { timestamps: false },
    );
  }
}
