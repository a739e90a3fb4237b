/** Accounts as an organisation's admins handle them. Every query is bound to one organisation, or says that it is not. */
import mongoose, { type Connection, type Model, type QueryFilter } from 'mongoose';
import { type Account, AccountState, type AccountStatus } from '../domain/account';
import { isBroken, recoveredEvent } from '../domain/event';
import type { SealedFallback, SealedGrant } from '../domain/grant';
import {
  type AccountPolicy,
  accountClocks,
  type Clocked,
  type RefreshRules,
} from '../domain/refresh-policy';
import { type AccountPlace, type AccountSort, afterPlace, holding, ORDER } from './account-listing';
import { fromClocks, fromFallback, fromGrant, fromPolicy, toAccount } from './account-mapping';
import { type AccountDocument, accountModel, accountsOfAllOrganisations } from './account-model';
import { DUPLICATE_KEY, isDatabaseUnavailable, isDuplicateKey } from './database';
import { Grouped } from './grouped';
import { documentsById } from './grouped-updates';

export interface NewAccount {
  id: string;
  organisation: string;
  provider: string;
  environment: string;
  externalId: string;
  label: string;
  kind: string | null;
  quarantine?: boolean | undefined;
  grant: SealedGrant;
  fallback?: SealedFallback | null | undefined;
  policy?: AccountPolicy | null | undefined;
  lastRefreshedAt: Date;
}

export interface AccountListQuery {
  organisation: string;
  provider?: string | undefined;
  environment?: string | undefined;
  kind?: string | undefined;
  quarantine?: boolean | undefined;
  status?: { is: AccountStatus; at: Date } | undefined;
  /** Text that the label, the external id or the id holds, in capitals or not. */
  text?: string | undefined;
  /** Default: `id`. */
  sort?: AccountSort | undefined;
  /** The place of the last account of the page before, in the same order. */
  after?: AccountPlace | undefined;
  limit: number;
}

export interface AccountPatch {
  label?: string | undefined;
  kind?: string | null | undefined;
  quarantine?: boolean | undefined;
  state?: AccountState | undefined;
  stateReason?: string | null | undefined;
  /** A reconnect: the new grant takes the old one's place, and refreshes under way are fenced off. */
  grant?: SealedGrant | undefined;
  /** `null` removes it. */
  fallback?: SealedFallback | null | undefined;
  /** In place of what the account had otherwise than its provider; `null`: nothing. */
  policy?: AccountPolicy | null | undefined;
}

export interface AccountCountQuery {
  organisation: string;
  now: Date;
  kinds?: readonly string[] | undefined;
}

/** How many accounts of one provider, environment and kind have which status. */
export interface AccountCounts {
  provider: string;
  environment: string;
  kind: string | null;
  total: number;
  byStatus: Record<AccountStatus, number>;
  /** Whatever their status. */
  quarantined: number;
  /** Whose access token has ended, whatever the status but `disabled`. */
  accessTokenEnded: number;
}

/** An account of the same organisation, provider, environment, external id and kind exists. */
export class AccountExistsError extends Error {
  override name = 'AccountExistsError';
}

export class Accounts {
  readonly #accounts: Model<AccountDocument>;
  readonly #ofAll: Model<AccountDocument>;
  readonly #rules: RefreshRules;
  /** By id alone, of all organisations: whose it is, is looked at by whoever asked. */
  readonly #reads: Grouped<string, AccountDocument | null>;

  constructor(connection: Connection, rules: RefreshRules) {
    this.#accounts = accountModel(connection);
    this.#ofAll = accountsOfAllOrganisations(connection);
    this.#rules = rules;
    const collection = connection.collection<AccountDocument>(this.#ofAll.collection.name);
    // Taken from what was found by the id itself: what looks like an operator in its place finds nothing.
    const read = async (ids: readonly string[]) => {
      const documents = await documentsById(collection, ids);
      return ids.map((id) => documents.get(id) ?? null);
    };
    this.#reads = new Grouped(
      async (id) => (await read([id]))[0] ?? null,
      read,
      // Whoever asks for a token is told so in seconds, and not after as many again.
      isDatabaseUnavailable,
    );
  }

  /** @throws {AccountExistsError} */
  async create(account: NewAccount, now: Date): Promise<Account> {
    try {
      const document = new this.#accounts(this.#newDocument(account, now));
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
      ...this.#newDocument(account, now),
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

  /** Under load many in one query, which begins after each of them was asked for. */
  async find(organisation: string, id: string): Promise<Account | null> {
    const document = await this.#reads.call(id);
    return document === null || document.organisation !== organisation ? null : toAccount(document);
  }

  /** What people call these accounts, by id; those that are gone or foreign are absent. */
  async labels(organisation: string, ids: readonly string[]): Promise<Map<string, string>> {
    if (ids.length === 0) return new Map();
    const documents = await this.#accounts
      .find({ organisation, _id: mongoose.trusted({ $in: ids }) }, { label: 1 })
      .lean<Pick<AccountDocument, '_id' | 'label'>[]>();
    return new Map(documents.map(({ _id, label }) => [_id, label]));
  }

  /** One page: a walk along the index of its order, from a place on. */
  async list(query: AccountListQuery): Promise<Account[]> {
    const { sort = 'id' } = query;
    const filter: QueryFilter<AccountDocument> = { organisation: query.organisation };
    if (query.provider !== undefined) filter['provider'] = query.provider;
    if (query.environment !== undefined) filter['environment'] = query.environment;
    if (query.kind !== undefined) filter['kind'] = query.kind;
    if (query.quarantine !== undefined)
      filter['quarantine'] = query.quarantine ? true : mongoose.trusted({ $ne: true });
    if (query.status !== undefined) Object.assign(filter, withStatus(query.status));
    const and: QueryFilter<AccountDocument>[] = [];
    if (query.text !== undefined) and.push(holding(query.text));
    if (query.after !== undefined) and.push(afterPlace(sort, query.after));
    if (and.length > 0) filter['$and'] = and;
    const documents = await this.#accounts
      .find(filter)
      .sort({ ...ORDER[sort], _id: 1 })
      .limit(query.limit)
      .lean<AccountDocument[]>();
    return documents.map(toAccount);
  }

  /** Counts by status in the database: no account is loaded, however many there are. */
  async count(query: AccountCountQuery): Promise<AccountCounts[]> {
    const ended = { $lte: [endOr('$current.expires_at'), query.now] };
    const soon = { $lte: [endOr('$expiring_soon_at'), query.now] };
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
          ok: many(active({ $not: [ended] }, { $not: [soon] })),
          expiring_soon: many(active({ $not: [ended] }, soon)),
          expired: many(active(ended)),
          needs_reconnect: many(isState(AccountState.needsReconnect)),
          inactive: many(isState(AccountState.inactive)),
          disabled: many(isState(AccountState.disabled)),
          quarantined: many({ $eq: ['$quarantine', true] }),
          access_token_ended: many({ $and: [{ $ne: ['$state', AccountState.disabled] }, ended] }),
        },
      },
      { $sort: { _id: 1 } },
    ]);
    return groups.map(({ _id, total, quarantined, access_token_ended, ...byStatus }) => ({
      provider: _id.provider,
      environment: _id.environment,
      kind: _id.kind ?? null,
      total,
      byStatus,
      quarantined,
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
    if (patch.quarantine !== undefined) set['quarantine'] = patch.quarantine;
    if (patch.state !== undefined) {
      set['state'] = patch.state;
      set['state_reason'] = patch.stateReason ?? null;
      set['state_at'] = now;
    }
    if (patch.fallback !== undefined)
      set['fallback'] = patch.fallback === null ? null : fromFallback(patch.fallback);
    if (patch.grant === undefined && patch.policy === undefined) {
      if (Object.keys(set).length === 0) return this.find(organisation, id);
      return this.#update({ organisation, _id: id }, { $set: set });
    }
    const before = await this.find(organisation, id);
    if (before === null) return null;
    if (patch.policy !== undefined)
      set['policy'] = patch.policy === null ? null : fromPolicy(patch.policy);
    const reconnect = patch.grant === undefined ? null : reconnection(before, patch.grant, now);
    const recovered =
      reconnect !== null && patch.state === AccountState.active && isBroken(before.state)
        ? { $push: { unsent_events: recoveredEvent(before, 'reconnected', now) } }
        : {};
    const after = await this.#update(
      { organisation, _id: id, generation: before.generation, state: before.state },
      {
        ...recovered,
        $set: {
          ...set,
          ...reconnect?.set,
          ...this.#clocks({ ...before, ...reconnect?.account, ...given(patch.policy) }),
        },
        ...(reconnect === null ? {} : { $inc: { generation: 1 } }),
      },
    );
    // A refresh ended in between: what the person wants still goes on top of it.
    return after ?? this.patch(organisation, id, patch, now);
  }

  /**
   * Writes the clocks anew as the rules in force have them, of a page of a provider's accounts.
   * @returns where the next page begins; `null` after the last
   */
  async rewriteClocks(
    provider: string,
    page: { afterId: string | null; limit: number },
  ): Promise<{ rewritten: number; next: string | null }> {
    const documents = await this.#ofAll
      .find({ provider, ...(page.afterId === null ? {} : { _id: { $gt: page.afterId } }) })
      .sort({ _id: 1 })
      .limit(page.limit)
      .lean<AccountDocument[]>();
    if (documents.length === 0) return { rewritten: 0, next: null };
    const { modifiedCount } = await this.#ofAll.bulkWrite(
      documents.map((document) => ({
        updateOne: {
          // Whoever writes the account in between writes its clocks with it.
          filter: {
            _id: document._id,
            generation: document.generation,
            next_attempt_at: document.next_attempt_at ?? null,
          },
          update: { $set: this.#clocks(toAccount(document)) },
        },
      })),
      { timestamps: false, ordered: false },
    );
    const last = documents.length === page.limit ? documents.at(-1) : undefined;
    return { rewritten: modifiedCount, next: last?._id ?? null };
  }

  async delete(organisation: string, id: string): Promise<boolean> {
    const result = await this.#accounts.deleteOne({ organisation, _id: id });
    return result.deletedCount === 1;
  }

  /** Whether there is any account at all: the trial is furnished only in an empty house. */
  async isEmpty(): Promise<boolean> {
    return (await this.#ofAll.exists({})) === null;
  }

  async createIndexes(): Promise<void> {
    await this.#accounts.createIndexes();
  }

  #newDocument(account: NewAccount, now: Date) {
    const policy = account.policy ?? null;
    const clocks = this.#clocks({
      id: account.id,
      provider: account.provider,
      current: account.grant,
      lastRefreshedAt: account.lastRefreshedAt,
      nextAttemptAt: null,
      policy,
      refreshTokenWarnedDays: null,
      lastValidation: null,
    });
    return {
      ...NEW,
      ...clocks,
      _id: account.id,
      organisation: account.organisation,
      provider: account.provider,
      environment: account.environment,
      external_id: account.externalId,
      label: account.label,
      kind: account.kind,
      state_at: now,
      quarantine: account.quarantine ?? false,
      current: fromGrant(account.grant),
      fallback: account.fallback ? fromFallback(account.fallback) : null,
      last_refreshed_at: account.lastRefreshedAt,
      policy: policy === null ? null : fromPolicy(policy),
    };
  }

  #clocks(account: Clocked & Pick<Account, 'provider'>) {
    return fromClocks(accountClocks(account, this.#rules(account.provider)));
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

/** What a reconnect makes of an account: as a domain account, and as what is to be written. */
function reconnection(before: Account, grant: SealedGrant, now: Date) {
  return {
    account: {
      current: grant,
      lastRefreshedAt: now,
      nextAttemptAt: null,
      refreshTokenWarnedDays: null,
      lastValidation: null,
    },
    set: {
      current: fromGrant(grant),
      previous: fromGrant(before.current),
      leaves: [],
      claim: null,
      last_refreshed_at: now,
      last_error: null,
      failed_attempts: 0,
      next_attempt_at: null,
      refresh_token_warned_days: null,
      last_validation: null,
      refused_generation: null,
      stale_restore: false,
    },
  };
}

function given(policy: AccountPolicy | null | undefined): Pick<Account, 'policy'> | object {
  return policy === undefined ? {} : { policy };
}

/** What a status means in stored terms. */
function withStatus({
  is,
  at: now,
}: NonNullable<AccountListQuery['status']>): QueryFilter<AccountDocument> {
  const { active } = AccountState;
  switch (is) {
    case 'ok':
      return {
        state: active,
        // What does not end has no such moments.
        'current.expires_at': mongoose.trusted({ $not: { $lte: now } }),
        expiring_soon_at: mongoose.trusted({ $not: { $lte: now } }),
      };
    case 'expiring_soon':
      return {
        state: active,
        'current.expires_at': mongoose.trusted({ $gt: now }),
        expiring_soon_at: mongoose.trusted({ $lte: now }),
      };
    case 'expired':
      return { state: active, 'current.expires_at': mongoose.trusted({ $lte: now }) };
    case 'needs_reconnect':
    case 'inactive':
    case 'disabled':
      return { state: is };
  }
}
/** The last moment a date can hold, in place of the end of what does not end. */
const END_OF_TIME = new Date(8.64e15);

const endOr = (moment: string) => ({ $ifNull: [moment, END_OF_TIME] });

function isState(state: AccountState): object {
  return { $eq: ['$state', state] };
}

function many(condition: unknown): { $sum: object } {
  return { $sum: { $cond: [condition, 1, 0] } };
}

type CountDocument = Record<AccountStatus, number> & {
  _id: { provider: string; environment: string; kind?: string | null };
  total: number;
  quarantined: number;
  access_token_ended: number;
};

function translated(error: unknown): unknown {
  return isDuplicateKey(error) ? new AccountExistsError() : error;
}

/** What every account begins with. */
const NEW = {
  state: AccountState.active,
  state_reason: null,
  generation: 1,
  previous: null,
  leaves: [],
  claim: null,
  last_attempt: null,
  last_error: null,
  failed_attempts: 0,
  next_attempt_at: null,
  refresh_token_warned_days: null,
  last_validation: null,
  refused_generation: null,
};
