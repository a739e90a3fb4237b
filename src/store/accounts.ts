/** Accounts as an organisation's admins handle them. Every query is bound to one organisation. */
import mongoose, { type Connection, type Model, type QueryFilter } from 'mongoose';
import { type Account, AccountState, type AccountStatus } from '../domain/account';
import type { SealedFallback, SealedGrant } from '../domain/grant';
import { fromFallback, fromGrant, toAccount } from './account-mapping';
import { type AccountDocument, accountModel } from './account-model';
import { DUPLICATE_KEY } from './database';

export interface NewAccount {
  id: string;
  organisation: string;
  provider: string;
  environment: string;
  externalId: string;
  label: string;
  kind: string | null;
  grant: SealedGrant;
  fallback?: SealedFallback | null | undefined;
  lastRefreshedAt: Date;
}

export interface AccountListQuery {
  organisation: string;
  provider?: string | undefined;
  environment?: string | undefined;
  kind?: string | undefined;
  state?: AccountState | undefined;
  /** Narrows active accounts by their access token's clock. */
  expiresAfter?: Date | undefined;
  expiresUntil?: Date | undefined;
  afterId?: string | undefined;
  limit: number;
}

export interface AccountPatch {
  label?: string | undefined;
  kind?: string | null | undefined;
  state?: AccountState | undefined;
  stateReason?: string | null | undefined;
  /** A reconnect: the new grant takes the old one's place, and refreshes under way are fenced off. */
  grant?: SealedGrant | undefined;
  /** `null` removes it. */
  fallback?: SealedFallback | null | undefined;
}

export interface AccountCountQuery {
  organisation: string;
  now: Date;
  /** By provider: until when an access token counts as expiring soon. */
  soon: ReadonlyMap<string, Date>;
  /** The same for a provider that is not configured. */
  soonOtherwise: Date;
  kinds?: readonly string[] | undefined;
}

/** How many accounts of one provider, environment and kind have which status. */
export interface AccountCounts {
  provider: string;
  environment: string;
  kind: string | null;
  total: number;
  byStatus: Record<AccountStatus, number>;
  /** Whose access token has ended, whatever the status but `disabled`. */
  accessTokenEnded: number;
}

/** An account of the same organisation, provider, environment, external id and kind exists. */
export class AccountExistsError extends Error {
  override name = 'AccountExistsError';
}

export class Accounts {
  readonly #accounts: Model<AccountDocument>;

  constructor(connection: Connection) {
    this.#accounts = accountModel(connection);
  }

  /** @throws {AccountExistsError} */
  async create(account: NewAccount, now: Date): Promise<Account> {
    try {
      const document = new this.#accounts(newDocument(account, now));
      await document.save();
      return toAccount(document.toObject());
    } catch (error) {
      throw translated(error);
    }
  }

  /**
   * Stores those whose organisation, provider, environment, external id and kind are not there yet, and leaves the
   * others as they are: safe to repeat.
   * @returns the ids of those that were stored
   */
  async createMissing(accounts: readonly NewAccount[], now: Date): Promise<Set<string>> {
    if (accounts.length === 0) return new Set();
    const documents = accounts.map((account) => ({
      ...newDocument(account, now),
      created_at: now,
      updated_at: now,
    }));
    const stored = new Set(documents.map(({ _id }) => _id));
    try {
      const { db, collection } = this.#accounts;
      await db
        .collection<{ _id: string }>(collection.name)
        .insertMany(documents, { ordered: false });
    } catch (error) {
      if (!(error instanceof mongoose.mongo.MongoBulkWriteError)) throw error;
      for (const failed of [error.writeErrors].flat()) {
        if (failed.code !== DUPLICATE_KEY) throw error;
        stored.delete(documents[failed.index]?._id ?? '');
      }
    }
    return stored;
  }

  async find(organisation: string, id: string): Promise<Account | null> {
    const document = await this.#accounts
      .findOne({ organisation, _id: id })
      .lean<AccountDocument>();
    return document === null ? null : toAccount(document);
  }

  async list(query: AccountListQuery): Promise<Account[]> {
    const filter: QueryFilter<AccountDocument> = { organisation: query.organisation };
    if (query.provider !== undefined) filter['provider'] = query.provider;
    if (query.environment !== undefined) filter['environment'] = query.environment;
    if (query.kind !== undefined) filter['kind'] = query.kind;
    if (query.state !== undefined) filter['state'] = query.state;
    const clock: Record<string, Date> = {};
    if (query.expiresAfter !== undefined) clock['$gt'] = query.expiresAfter;
    if (query.expiresUntil !== undefined) clock['$lte'] = query.expiresUntil;
    // What does not end is after any moment, and a range of dates holds no null.
    if (query.expiresAfter !== undefined && query.expiresUntil === undefined)
      filter['$or'] = [{ 'current.expires_at': clock }, { 'current.expires_at': null }];
    else if (Object.keys(clock).length > 0) filter['current.expires_at'] = clock;
    if (query.afterId !== undefined) filter['_id'] = { $gt: query.afterId };
    const documents = await this.#accounts
      .find(filter)
      .sort({ _id: 1 })
      .limit(query.limit)
      .lean<AccountDocument[]>();
    return documents.map(toAccount);
  }

  /** Counts by status in the database: no account is loaded, however many there are. */
  async count(query: AccountCountQuery): Promise<AccountCounts[]> {
    const ends = { $ifNull: ['$current.expires_at', END_OF_TIME] };
    const soon = [...query.soon].reduce<unknown>(
      (otherwise, [provider, until]) => ({
        $cond: [{ $eq: ['$provider', provider] }, until, otherwise],
      }),
      query.soonOtherwise,
    );
    const ended = { $lte: [ends, query.now] };
    const active = (...conditions: unknown[]) => ({
      $and: [isState(AccountState.active), ...conditions],
    });
    const groups = await this.#accounts.aggregate<CountDocument>([
      {
        $match: {
          organisation: query.organisation,
          ...(query.kinds === undefined ? {} : { kind: { $in: query.kinds } }),
        },
      },
      {
        $group: {
          _id: { provider: '$provider', environment: '$environment', kind: '$kind' },
          total: { $sum: 1 },
          ok: many(active({ $gt: [ends, soon] })),
          expiring_soon: many(active({ $gt: [ends, query.now] }, { $lte: [ends, soon] })),
          expired: many(active(ended)),
          needs_reconnect: many(isState(AccountState.needsReconnect)),
          inactive: many(isState(AccountState.inactive)),
          disabled: many(isState(AccountState.disabled)),
          access_token_ended: many({ $and: [{ $ne: ['$state', AccountState.disabled] }, ended] }),
        },
      },
      { $sort: { _id: 1 } },
    ]);
    return groups.map(({ _id, total, access_token_ended, ...byStatus }) => ({
      provider: _id.provider,
      environment: _id.environment,
      kind: _id.kind ?? null,
      total,
      byStatus,
      accessTokenEnded: access_token_ended,
    }));
  }

  /**
   * Changes single members, never a whole document: a refresh may be writing the grant at this moment.
   * @throws {AccountExistsError}
   */
  async patch(
    organisation: string,
    id: string,
    patch: AccountPatch,
    now: Date,
  ): Promise<Account | null> {
    const set: Record<string, unknown> = {};
    if (patch.label !== undefined) set['label'] = patch.label;
    if (patch.kind !== undefined) set['kind'] = patch.kind;
    if (patch.state !== undefined) {
      set['state'] = patch.state;
      set['state_reason'] = patch.stateReason ?? null;
      set['state_at'] = now;
    }
    if (patch.fallback !== undefined)
      set['fallback'] = patch.fallback === null ? null : fromFallback(patch.fallback);
    if (patch.grant === undefined) {
      if (Object.keys(set).length === 0) return this.find(organisation, id);
      return this.#update({ organisation, _id: id }, { $set: set });
    }
    const before = await this.find(organisation, id);
    if (before === null) return null;
    const after = await this.#update(
      { organisation, _id: id, generation: before.generation },
      {
        $set: {
          ...set,
          current: fromGrant(patch.grant),
          previous: fromGrant(before.current),
          leaves: [],
          claim: null,
          last_refreshed_at: now,
          last_error: null,
          failed_attempts: 0,
          next_attempt_at: null,
          last_validation: null,
          refused_generation: null,
          validation_due_at: null,
        },
        $inc: { generation: 1 },
      },
    );
    // A refresh committed in between: the person's new grant still goes on top of it.
    return after ?? this.patch(organisation, id, patch, now);
  }

  async delete(organisation: string, id: string): Promise<boolean> {
    const result = await this.#accounts.deleteOne({ organisation, _id: id });
    return result.deletedCount === 1;
  }

  /** Whether there is any account at all: the trial is furnished only in an empty house. */
  async isEmpty(): Promise<boolean> {
    return (await this.#accounts.exists({})) === null;
  }

  async createIndexes(): Promise<void> {
    await this.#accounts.createIndexes();
  }

  async #update(filter: QueryFilter<AccountDocument>, update: object): Promise<Account | null> {
    try {
      const document = await this.#accounts
        .findOneAndUpdate(filter, update, { returnDocument: 'after' })
        .lean<AccountDocument>();
      return document === null ? null : toAccount(document);
    } catch (error) {
      throw translated(error);
    }
  }
}

/** The last moment a date can hold, in place of the end of what does not end. */
const END_OF_TIME = new Date(8.64e15);

function isState(state: AccountState): object {
  return { $eq: ['$state', state] };
}

function many(condition: unknown): { $sum: object } {
  return { $sum: { $cond: [condition, 1, 0] } };
}

type CountDocument = Record<AccountStatus, number> & {
  _id: { provider: string; environment: string; kind?: string | null };
  total: number;
  access_token_ended: number;
};

function translated(error: unknown): unknown {
  const duplicate =
    error instanceof mongoose.mongo.MongoServerError && error.code === DUPLICATE_KEY;
  return duplicate ? new AccountExistsError() : error;
}

function newDocument(account: NewAccount, now: Date) {
  return {
    _id: account.id,
    organisation: account.organisation,
    provider: account.provider,
    environment: account.environment,
    external_id: account.externalId,
    label: account.label,
    kind: account.kind,
    state: AccountState.active,
    state_at: now,
    generation: 1,
    current: fromGrant(account.grant),
    fallback: account.fallback ? fromFallback(account.fallback) : null,
    last_refreshed_at: account.lastRefreshedAt,
    state_reason: null,
    previous: null,
    leaves: [],
    claim: null,
    last_attempt: null,
    last_error: null,
    failed_attempts: 0,
    next_attempt_at: null,
    last_validation: null,
    refused_generation: null,
    validation_due_at: null,
  };
}
