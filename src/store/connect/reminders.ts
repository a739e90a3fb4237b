/**
 * Accounts whose owners get reminders, and the addresses that got one. An address is stored as a keyed digest. The claim
 * of an address is one atomic update, so that no two workers write to it on one day.
 */
import { type Connection, type Model, Schema } from 'mongoose';
import { type Account, AccountState } from '../../domain/account/account';
import { BETWEEN_MAILS_MS, REMINDERS_END_MS, remindersSent } from '../../domain/connect/reminder';
import { toAccount } from '../accounts/account-mapping';
import { type AccountDocument, accountsOfAllOrganisations } from '../accounts/account-model';
import { isDuplicateKey } from '../mongo/database';

const addressSchema = new Schema(
  {
    /** The keyed digest of organisation and address. */
    _id: { type: String, required: true },
    organisation: { type: String, required: true },
    last_sent_at: { type: Date, default: null },
    unsubscribed_at: { type: Date, default: null },
  },
  { collection: 'owner_addresses', strictQuery: 'throw', versionKey: false },
);

interface AddressDocument {
  _id: string;
  organisation: string;
  last_sent_at?: Date | null;
  unsubscribed_at?: Date | null;
}

/** How long, in ms, an address waits after the mail server did not take its message. */
const RETRY_AFTER_MS = 30 * 60_000;

/** Accounts in one message. Further ones follow once the owner has reconnected some of these. */
const ACCOUNTS_MAX = 50;

export class Reminders {
  readonly #accounts: Model<AccountDocument>;
  readonly #addresses: Model<AddressDocument>;

  constructor(connection: Connection) {
    this.#accounts = accountsOfAllOrganisations(connection);
    this.#addresses = connection.model<AddressDocument>(
      'OwnerAddressOfAnyOrganisation',
      addressSchema as unknown as Schema<AddressDocument>,
    );
  }

  /** One page of accounts that need a reconnect and have an owner, in the order of the owners, of all organisations. */
  async page({
    after,
    limit,
    now,
  }: {
    /** The digest of the last owner of the previous page; empty: the first page. */
    after: string;
    limit: number;
    now: Date;
  }): Promise<Account[]> {
    const documents = await this.#accounts
      .find({
        state: AccountState.needsReconnect,
        'owner_email.digest': { $gt: after },
        state_at: { $gt: new Date(now.getTime() - REMINDERS_END_MS) },
      })
      .sort({ 'owner_email.digest': 1, _id: 1 })
      .limit(limit)
      .lean<AccountDocument[]>();
    return documents.map(toAccount);
  }

  /** The accounts of one owner that need a reconnect now. */
  async ofOwner(digest: string): Promise<Account[]> {
    const documents = await this.#accounts
      .find({ state: AccountState.needsReconnect, 'owner_email.digest': digest })
      .sort({ _id: 1 })
      .limit(ACCOUNTS_MAX)
      .lean<AccountDocument[]>();
    return documents.map(toAccount);
  }

  /** @returns `false`: the address got a message within a day, or its owner wants none */
  async claimAddress(digest: string, organisation: string, now: Date): Promise<boolean> {
    const before = new Date(now.getTime() - BETWEEN_MAILS_MS);
    try {
      const { upsertedCount, matchedCount } = await this.#addresses.updateOne(
        {
          _id: digest,
          unsubscribed_at: null,
          $or: [{ last_sent_at: null }, { last_sent_at: { $lte: before } }],
        },
        { $set: { last_sent_at: now }, $setOnInsert: { organisation } },
        { upsert: true },
      );
      return upsertedCount + matchedCount === 1;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  /** Makes an address available again after a pause, because its message was not sent. */
  async releaseAddress(digest: string, claimedAt: Date): Promise<void> {
    await this.#addresses.updateOne(
      { _id: digest, last_sent_at: claimedAt },
      {
        $set: { last_sent_at: new Date(claimedAt.getTime() - BETWEEN_MAILS_MS + RETRY_AFTER_MS) },
      },
    );
  }

  /** Records a reminder on each account that is still in the state that the reminder was about. */
  async record(accounts: readonly Account[]): Promise<void> {
    if (accounts.length === 0) return;
    await this.#accounts.bulkWrite(
      accounts.map((account) => ({
        updateOne: {
          filter: { _id: account.id, state_at: account.stateAt },
          update: {
            $set: { reminders: { since: account.stateAt, sent: remindersSent(account) + 1 } },
          },
        },
      })),
      { timestamps: false, ordered: false },
    );
  }

  /** @returns `false`: no message was ever sent to the address */
  async unsubscribe(digest: string, now: Date): Promise<boolean> {
    const { matchedCount } = await this.#addresses.updateOne(
      { _id: digest },
      { $set: { unsubscribed_at: now } },
    );
    return matchedCount === 1;
  }
}
