/** Accounts as an organisation's admins manage them. Queries are bound to one organisation unless noted otherwise. */
import mongoose, {
  type Connection,
  type Model,
  type QueryFilter,
  type QueryOptions,
} from 'mongoose';
import type { AccountBounds } from '../../domain/access/account-bounds';
import { type Account, AccountState, type AccountStatus } from '../../domain/account/account';
import {
  accountDueTimes,
  type RefreshRules,
  type WithDueTimes,
} from '../../domain/account/due-times';
import {
  FIRST_GENERATION,
  replacingGrant,
  type SealedFallback,
  type SealedGrant,
} from '../../domain/account/grant';
import { type GrantType, holdsCredentials } from '../../domain/account/grant-type';
import type { OwnerEmail } from '../../domain/account/owner-email';
import { type AccountPolicy } from '../../domain/account/policy';
import { replacedBy } from '../../domain/account/reconnect';
import type { Subject } from '../../domain/connect/connect-session';
import { isBroken, type RaisedEvent, recoveredEvent } from '../../domain/events/event';
import { grantPlace, type Vault } from '../../vault/vault';
import { Grouped } from '../mongo/batched';
import { documentsById } from '../mongo/batched-updates';
import { DUPLICATE_KEY, isDuplicateKey, isOfIndex, listOptions } from '../mongo/database';
import { type Found, readStretches, SEARCH_MS, STRETCH } from '../mongo/search';
import { isDatabaseUnavailable } from '../mongo/unavailability';
import {
  type AccountPlace,
  type AccountSort,
  between,
  holding,
  ORDER,
  type OrderPart,
  partsFrom,
  storedPlaceOf,
  type TimeRange,
  within,
  withinBounds,
} from './account-listing';
import {
  fromDueTimes,
  fromFallback,
  fromGrant,
  fromPolicy,
  fromReplaced,
  toAccount,
} from './account-mapping';
import {
  type AccountDocument,
  accountModel,
  accountsOfAllOrganisations,
  ENTERED_REFRESH_TOKEN,
  SUBJECT,
} from './account-model';
import { enteredKey, enteredMember, NOT_ENTERED } from './entered-refresh-token';

export interface NewAccount {
  id: string;
  organisation: string;
  provider: string;
  environment: string;
  externalId: string;
  label: string;
  kind: string | null;
  quarantine?: boolean | undefined;
  /** Absent: `refresh_token`. */
  grantType?: GrantType | undefined;
  hasOwnClient?: boolean | undefined;
  grant: SealedGrant;
  /** The fingerprint of a refresh token that no other account may hold; `null` if other accounts may hold it. */
  enteredRefreshToken?: string | null | undefined;
  fallback?: SealedFallback | null | undefined;
  policy?: AccountPolicy | null | undefined;
  ownerEmail?: OwnerEmail | null | undefined;
  /** Set if a consent at the provider brought the grant. */
  consent?: AccountConsent | undefined;
  /** `null`: no refresh brought the grant. */
  lastRefreshedAt: Date | null;
}

/** The members that a consent adds to an account, besides its grant. */
interface AccountConsent {
  subject: Subject | null;
  missingScopes: string[];
  /** Raised in the same write. */
  event: RaisedEvent;
}

/** The members that identify an account within its organisation. */
export type AccountIdentity = Pick<NewAccount, 'provider' | 'environment' | 'externalId' | 'kind'>;

/** Equal for two accounts exactly if the unique index `identity` treats them as the same. */
export function identityKey({ provider, environment, externalId, kind }: AccountIdentity): string {
  return JSON.stringify([provider, environment, externalId, kind]);
}

/** A stored account that holds the refresh token, or was created or reconnected with it. */
export type RefreshTokenHolder = AccountIdentity & { id: string; fingerprint: string };

/** Accounts that one query for shared refresh tokens reads, for a batch of an import. */
const HOLDERS_MAX = 1_000;

/** Members that combine: an account must match each, and any value of a member with several. */
export interface AccountFilter {
  organisation: string;
  /** Only accounts within these bounds. */
  bounds?: AccountBounds | undefined;
  provider?: string | readonly string[] | undefined;
  environment?: string | readonly string[] | undefined;
  kind?: string | readonly string[] | undefined;
  quarantine?: boolean | undefined;
  status?: { is: AccountStatus | readonly AccountStatus[]; at: Date } | undefined;
  /** Codes of the last failure. */
  reason?: readonly string[] | undefined;
  /** When the access token expires. */
  expires?: TimeRange | undefined;
  /** When the refresh token expires, if that is known. */
  refreshExpires?: TimeRange | undefined;
  /** Text in the label, the external id or the id, case-insensitive. */
  text?: string | undefined;
  ids?: readonly string[] | undefined;
}

export interface AccountListQuery extends AccountFilter {
  /** Default: `id`. */
  sort?: AccountSort | undefined;
  /** The place of the previous page's last account, in the same order. */
  after?: AccountPlace | undefined;
  limit: number;
}

export interface AccountPatch {
  label?: string | undefined;
  kind?: string | null | undefined;
  quarantine?: boolean | undefined;
  state?: AccountState | undefined;
  stateReason?: string | null | undefined;
  /**
   * Replaces the current grant without trying the new one; encrypted for this account. Refreshes in progress are fenced
   * off, and the previous grant is kept.
   */
  grant?: SealedGrant | undefined;
  /** As {@link NewAccount.enteredRefreshToken}; `undefined` leaves it unchanged. */
  enteredRefreshToken?: string | null | undefined;
  /** `null` removes it. */
  fallback?: SealedFallback | null | undefined;
  /** Replaces the account's own policy; `null` removes it, so that the provider's policy applies. */
  policy?: AccountPolicy | null | undefined;
  /** `null` removes it. */
  ownerEmail?: OwnerEmail | null | undefined;
  /** Set together with `grant` if a consent at the provider brought it. */
  consent?: AccountConsent | undefined;
}

/** The organisation already has an account with this provider, environment, external id and kind. */
export class AccountExistsError extends Error {
  override name = 'AccountExistsError';
}

/** Another account of the organisation was given the same refresh token, which the provider rotates. */
export class RefreshTokenHeldError extends Error {
  override name = 'RefreshTokenHeldError';
}

/** Another account of the organisation holds a grant of the same subject. */
export class SubjectHeldError extends Error {
  override name = 'SubjectHeldError';
}

export class Accounts {
  readonly #accounts: Model<AccountDocument>;
  readonly #ofAll: Model<AccountDocument>;
  readonly #listOptions: QueryOptions;
  readonly #rules: RefreshRules;
  readonly #vault: Pick<Vault, 'resealGrant'>;
  /** Reads by id across organisations; the caller must check the organisation. */
  readonly #reads: Grouped<string, AccountDocument | null>;

  constructor(connection: Connection, rules: RefreshRules, vault: Pick<Vault, 'resealGrant'>) {
    this.#vault = vault;
    this.#accounts = accountModel(connection);
    this.#ofAll = accountsOfAllOrganisations(connection);
    this.#listOptions = listOptions(connection);
    this.#rules = rules;
    const collection = connection.collection<AccountDocument>(this.#ofAll.collection.name);
    // Looked up in a map by id, so that an id that looks like a query operator finds nothing.
    const read = async (ids: readonly string[]) => {
      const documents = await documentsById(collection, ids);
      return ids.map((id) => documents.get(id) ?? null);
    };
    this.#reads = new Grouped(
      async (id) => (await read([id]))[0] ?? null,
      read,
      // A token request must fail fast when MongoDB is unreachable, so batched reads are not repeated one by one.
      isDatabaseUnavailable,
    );
  }

  /** @throws {AccountExistsError}, {@link RefreshTokenHeldError} or {@link SubjectHeldError} */
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
   * Stores the accounts that do not exist yet, by organisation, provider, environment, external id and kind. Leaves
   * existing accounts unchanged, so it is safe to repeat. If it fails because MongoDB is unavailable, any of the
   * accounts may be stored.
   * @returns the ids of the stored accounts, and of the accounts not stored because another account was given their
   * refresh token
   */
  async createMissing(
    accounts: readonly NewAccount[],
    now: Date,
  ): Promise<{ created: Set<string>; heldElsewhere: Set<string> }> {
    const heldElsewhere = new Set<string>();
    if (accounts.length === 0) return { created: new Set(), heldElsewhere };
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
      // A majority did not confirm the inserts, so a new primary may not have them.
      if (isDatabaseUnavailable(error)) throw error;
      if (!(error instanceof mongoose.mongo.MongoBulkWriteError)) throw error;
      for (const failed of [error.writeErrors].flat()) {
        if (failed.code !== DUPLICATE_KEY) throw error;
        const id = documents[failed.index]?._id ?? '';
        stored.delete(id);
        if (isOfIndex(failed.errmsg, ENTERED_REFRESH_TOKEN)) heldElsewhere.add(id);
      }
    }
    // A document can violate both unique indexes, but MongoDB reports one. An existing account takes precedence.
    if (heldElsewhere.size > 0) {
      const held = accounts.filter(({ id }) => heldElsewhere.has(id));
      const there = await this.#existing(held);
      for (const account of held)
        if (there.has(identityKey(account))) heldElsewhere.delete(account.id);
    }
    return { created: stored, heldElsewhere };
  }

  /** The identities of these accounts that exist already. All accounts must be of one organisation. */
  async #existing(accounts: readonly NewAccount[]): Promise<Set<string>> {
    const documents = await this.#accounts
      .find(
        {
          organisation: accounts[0]?.organisation ?? '',
          provider: mongoose.trusted({ $in: accounts.map(({ provider }) => provider) }),
          external_id: mongoose.trusted({ $in: accounts.map(({ externalId }) => externalId) }),
        },
        HOLDER_MEMBERS,
      )
      .lean<HolderDocument[]>();
    return new Set(documents.map((document) => identityKey(toIdentity(document))));
  }

  /**
   * The active accounts that hold one of the refresh tokens, and the accounts that were given one of them exclusively.
   * Both queries use an index and return at most {@link HOLDERS_MAX}; the limit cuts off only tokens that may be
   * shared.
   */
  async refreshTokenHolders(
    organisation: string,
    tokens: readonly { provider: string; fingerprint: string }[],
  ): Promise<RefreshTokenHolder[]> {
    if (tokens.length === 0) return [];
    const fingerprints = [...new Set(tokens.map(({ fingerprint }) => fingerprint))];
    const entered = new Map(
      tokens.map((token) => [enteredKey({ organisation, ...token }, token.fingerprint), token]),
    );
    const [having, enteredWith] = await Promise.all([
      this.#accounts
        .find(
          {
            organisation,
            'current.refresh_token_fingerprint': mongoose.trusted({ $in: fingerprints }),
            state: AccountState.active,
          },
          HOLDER_MEMBERS,
        )
        .limit(HOLDERS_MAX)
        .lean<HolderDocument[]>(),
      this.#accounts
        .find(
          {
            organisation,
            entered_refresh_token: mongoose.trusted({ $in: [...entered.keys()] }),
          },
          HOLDER_MEMBERS,
        )
        .lean<HolderDocument[]>(),
    ]);
    return [
      ...having.map((document) => ({
        ...toIdentity(document),
        id: document._id,
        fingerprint: document.current.refresh_token_fingerprint ?? '',
      })),
      ...enteredWith.map((document) => ({
        ...toIdentity(document),
        id: document._id,
        fingerprint: entered.get(document.entered_refresh_token ?? '')?.fingerprint ?? '',
      })),
    ];
  }

  /** Batched under load; the query always begins after the call. */
  async find(organisation: string, id: string): Promise<Account | null> {
    const document = await this.#reads.call(id);
    return document === null || document.organisation !== organisation ? null : toAccount(document);
  }

  /** The id of the account that holds a grant of this subject; `null`: none does. */
  async idOfSubject(organisation: string, digest: string): Promise<string | null> {
    const found = await this.#accounts
      .findOne({ organisation, subject_digest: digest }, { _id: 1 })
      .lean<Pick<AccountDocument, '_id'>>();
    return found?._id ?? null;
  }

  /** The id of the account with this identity; `null`: there is none. */
  async idOfIdentity(organisation: string, identity: AccountIdentity): Promise<string | null> {
    const { provider, environment, externalId, kind } = identity;
    const found = await this.#accounts
      .findOne({ organisation, provider, environment, external_id: externalId, kind }, { _id: 1 })
      .lean<Pick<AccountDocument, '_id'>>();
    return found?._id ?? null;
  }

  /** The ids of the accounts with this external id, which differ in their kind. */
  async idsOfExternalId(
    query: Omit<AccountIdentity, 'kind'> & {
      organisation: string;
      kind: string | undefined;
      bounds: AccountBounds | undefined;
      limit: number;
    },
  ): Promise<string[]> {
    const { organisation, provider, environment, externalId, kind, bounds, limit } = query;
    const and = bounds === undefined ? [] : withinBounds(bounds);
    const found = await this.#accounts
      .find(
        {
          organisation,
          provider,
          environment,
          external_id: externalId,
          ...(kind === undefined ? {} : { kind }),
          ...(and.length === 0 ? {} : { $and: and }),
        },
        { _id: 1 },
      )
      .limit(limit)
      .lean<Pick<AccountDocument, '_id'>[]>();
    return found.map(({ _id }) => _id);
  }

  /** The labels of these accounts by id. Deleted accounts and accounts of other organisations are absent. */
  async labels(organisation: string, ids: readonly string[]): Promise<Map<string, string>> {
    if (ids.length === 0) return new Map();
    const documents = await this.#accounts
      .find({ organisation, _id: mongoose.trusted({ $in: ids }) }, { label: 1 })
      .lean<Pick<AccountDocument, '_id' | 'label'>[]>();
    return new Map(documents.map(({ _id, label }) => [_id, label]));
  }

  /**
   * Accounts whose label, external id or id begins with the text. Each query reads a range of an index, so its cost does
   * not grow with the organisation; labels are compared as written, in lower case, in upper case and capitalised.
   * @param among the providers and environments whose external ids are searched
   */
  async beginningWith(
    organisation: string,
    text: string,
    among: { providers: readonly string[]; environments: readonly string[] },
    limit: number,
  ): Promise<Account[]> {
    const capitalised = `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
    const labels = [...new Set([text, text.toLowerCase(), text.toUpperCase(), capitalised])];
    const filters: QueryFilter<AccountDocument>[] = [
      { _id: beginning(text) },
      ...labels.map((label) => ({ label: beginning(label) })),
      {
        provider: mongoose.trusted({ $in: [...among.providers] }),
        environment: mongoose.trusted({ $in: [...among.environments] }),
        external_id: beginning(text),
      },
    ];
    const found = await Promise.all(
      filters.map((filter) =>
        this.#accounts
          .find({ organisation, ...filter }, null, this.#listOptions)
          .limit(limit)
          .lean<AccountDocument[]>(),
      ),
    );
    const byId = new Map(found.flat().map((document) => [document._id, document]));
    return [...byId.values()].slice(0, limit).map(toAccount);
  }

  /** The accounts after a place, read along the index of their order. A search for a rare text reads all of them. */
  async list(query: AccountListQuery): Promise<Account[]> {
    return (await this.page(query, Number.POSITIVE_INFINITY)).rows;
  }

  /** As `list`, but a search for a text ends after `searchMs`, at the end of a stretch. */
  async page(
    { sort = 'id', after, limit, ...wanted }: AccountListQuery,
    searchMs = SEARCH_MS,
  ): Promise<Found<Account, AccountPlace>> {
    const until = performance.now() + searchMs;
    const isSearch = wanted.text !== undefined;
    const rows: Account[] = [];
    let from = after;
    for (const part of partsFrom(sort, after, isSearch)) {
      // oxlint-disable-next-line no-await-in-loop -- the parts follow each other
      const found = await readStretches<Account, AccountPlace>({
        after: from,
        limit: limit - rows.length,
        until,
        endOf: async (place) =>
          isSearch ? this.#stretchEnd(wanted, sort, part, place) : undefined,
        rowsOf: async ({ limit: most, ...range }) => {
          const documents = await this.#accounts
            .find(filterOf(wanted, between(part, range)), null, this.#listOptions)
            .sort({ ...ORDER[sort], _id: 1 })
            .limit(most)
            .lean<AccountDocument[]>();
          return documents.map(toAccount);
        },
      });
      rows.push(...found.rows);
      if (rows.length >= limit || found.searchedTo !== null)
        return { rows, searchedTo: found.searchedTo };
      from = undefined;
    }
    return { rows, searchedTo: null };
  }

  /** The place of the last account of a stretch; `undefined`: the part of the order ends before. */
  async #stretchEnd(
    wanted: AccountFilter,
    sort: AccountSort,
    part: OrderPart,
    after: AccountPlace | undefined,
  ): Promise<AccountPlace | undefined> {
    const [last] = await this.#accounts
      .find(
        filterOf({ ...wanted, text: undefined }, between(part, { after, upTo: undefined })),
        part.member === undefined ? { _id: 1 } : { [part.member]: 1 },
        this.#listOptions,
      )
      .sort({ ...ORDER[sort], _id: 1 })
      .skip(STRETCH - 1)
      .limit(1)
      .lean<AccountDocument[]>();
    return last && storedPlaceOf(part, last);
  }

  /** The number of matching accounts, counted up to `max`. */
  async count(wanted: AccountFilter, max: number): Promise<number> {
    return this.#accounts.countDocuments(filterOf(wanted), { limit: max });
  }

  /**
   * Updates single members, never the whole document, because a refresh may write the grant at the same time.
   * @throws {AccountExistsError}, {@link RefreshTokenHeldError} or {@link SubjectHeldError}
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
    if (patch.quarantine !== undefined) {
      set['quarantine'] = patch.quarantine;
      set['quarantined_at'] = patch.quarantine ? now : null;
    }
    if (patch.ownerEmail !== undefined) set['owner_email'] = patch.ownerEmail;
    if (patch.state !== undefined) {
      set['state'] = patch.state;
      set['state_reason'] = patch.stateReason ?? null;
      set['state_at'] = now;
    }
    if (patch.fallback !== undefined)
      set['fallback'] = patch.fallback === null ? null : fromFallback(patch.fallback);
    const { enteredRefreshToken } = patch;
    // Only a new grant ends a disconnection: its workflow waits for the state.
    const staysDisconnected = patch.state !== undefined && patch.grant === undefined;
    const stateFilter = staysDisconnected
      ? { state: mongoose.trusted({ $ne: AccountState.disconnected }) }
      : {};
    if (
      patch.grant === undefined &&
      patch.policy === undefined &&
      enteredRefreshToken === undefined
    ) {
      if (Object.keys(set).length === 0) return this.find(organisation, id);
      return this.#update({ organisation, _id: id, ...stateFilter }, { $set: set });
    }
    const before = await this.find(organisation, id);
    if (before === null) return null;
    if (staysDisconnected && before.state === AccountState.disconnected) return null;
    if (patch.policy !== undefined)
      set['policy'] = patch.policy === null ? null : fromPolicy(patch.policy);
    const reconnect =
      patch.grant === undefined ? null : this.#reconnection(before, patch.grant, now);
    const events = [
      ...(reconnect !== null && patch.state === AccountState.active && isBroken(before.state)
        ? [recoveredEvent(before, 'reconnected', now)]
        : []),
      ...(patch.consent === undefined ? [] : [patch.consent.event]),
    ];
    const after = await this.#update(
      { organisation, _id: id, generation: before.generation, state: before.state },
      {
        ...(events.length === 0 ? {} : { $push: { unsent_events: { $each: events } } }),
        ...(enteredRefreshToken === null ? NOT_ENTERED : {}),
        $set: {
          ...set,
          ...enteredMember(before, enteredRefreshToken),
          ...reconnect?.set,
          ...(patch.consent === undefined ? {} : consentMembers(patch.consent)),
          ...this.#dueTimes({ ...before, ...reconnect?.account, ...given(patch.policy) }),
        },
        ...(reconnect === null ? {} : { $inc: { generation: 1 } }),
      },
    );
    // A refresh finished in between; apply the patch to the new grant.
    return after ?? this.patch(organisation, id, patch, now);
  }

  /**
   * Records that a caller asked for the token of an account with credentials, so that sweeps refresh it ahead again.
   * Changes nothing if the account has changed since it was read; the next caller then records it.
   */
  async recordAsked(account: Account, now: Date): Promise<void> {
    const { id: _id, organisation, generation, updatedAt } = account;
    await this.#accounts.updateOne(
      { _id, organisation, generation, updated_at: updatedAt },
      { $set: { asked_at: now, ...this.#dueTimes({ ...account, askedAt: now }) } },
      { timestamps: false },
    );
  }

  /**
   * Recomputes the due times of one page of a provider's accounts under the current policy.
   * @returns where the next page begins; `null` after the last
   */
  async rewriteDueTimes(
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
          // Skips accounts that were changed in between: every such change writes new due times.
          filter: {
            _id: document._id,
            generation: document.generation,
            next_attempt_at: document.next_attempt_at ?? null,
          },
          update: { $set: this.#dueTimes(toAccount(document)) },
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

  /** Whether there is no account at all. Demo mode creates its data only in an empty database. */
  async isEmpty(): Promise<boolean> {
    return (await this.#ofAll.exists({})) === null;
  }

  #newDocument(account: NewAccount, now: Date) {
    const policy = account.policy ?? null;
    const { grantType } = account;
    const dueTimes = this.#dueTimes({
      id: account.id,
      provider: account.provider,
      current: account.grant,
      ...(grantType === undefined ? {} : { grantType }),
      // The first token shows whether the credentials work.
      askedAt: now,
      previous: null,
      lastRefreshedAt: account.lastRefreshedAt,
      nextAttemptAt: null,
      policy,
      refreshTokenWarnedDays: null,
      validatedAt: null,
    });
    return {
      ...NEW,
      ...dueTimes,
      _id: account.id,
      organisation: account.organisation,
      provider: account.provider,
      environment: account.environment,
      external_id: account.externalId,
      label: account.label,
      kind: account.kind,
      state_at: now,
      quarantine: account.quarantine ?? false,
      ...(account.quarantine === true ? { quarantined_at: now } : {}),
      ...(holdsCredentials(grantType)
        ? { grant: grantType, own_client: account.hasOwnClient ?? false, asked_at: now }
        : {}),
      current: fromGrant(account.grant),
      ...enteredMember(account, account.enteredRefreshToken),
      fallback: account.fallback ? fromFallback(account.fallback) : null,
      last_refreshed_at: account.lastRefreshedAt,
      policy: policy === null ? null : fromPolicy(policy),
      owner_email: account.ownerEmail ?? null,
      ...(account.consent === undefined
        ? {}
        : { ...consentMembers(account.consent), unsent_events: [account.consent.event] }),
    };
  }

  /** The account after its current grant is replaced: as a domain account, and as the members to write. */
  #reconnection(before: Account, grant: SealedGrant, now: Date) {
    const current = this.#vault.resealGrant(
      replacingGrant(grant, before.current),
      grantPlace(before, before.generation + 1),
    );
    return {
      account: {
        current,
        lastRefreshedAt: null,
        nextAttemptAt: null,
        refreshTokenWarnedDays: null,
        validatedAt: null,
        // The candidate is older than this grant and must not replace it.
        candidate: null,
        askedAt: now,
      },
      set: {
        current: fromGrant(current),
        previous: fromGrant(before.current),
        replaced: fromReplaced(replacedBy(before, current, now)),
        ...NEVER_TRIED,
        ...(holdsCredentials(before.grantType) ? { asked_at: now } : {}),
        last_refreshed_at: null,
        stale_restore: false,
        missing_scopes: [],
        disconnection: null,
      },
    };
  }

  #dueTimes(account: WithDueTimes & Pick<Account, 'provider'>) {
    return fromDueTimes(accountDueTimes(account, this.#rules(account.provider)));
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

/** An unknown subject keeps the known one, because the provider entry may have stopped to state it. */
function consentMembers({ subject, missingScopes }: AccountConsent) {
  return {
    missing_scopes: missingScopes,
    ...(subject === null ? {} : { subject_digest: subject.digest, subject_label: subject.label }),
  };
}

function given(policy: AccountPolicy | null | undefined): Pick<Account, 'policy'> | object {
  return policy === undefined ? {} : { policy };
}

/** @param place more filters, such as the place after which a page begins */
/** A range of an index, in the order of code points. */
function beginning(text: string) {
  return mongoose.trusted({ $gte: text, $lt: `${text}\u{10ffff}` });
}

function filterOf(
  wanted: AccountFilter,
  place: QueryFilter<AccountDocument> = {},
): QueryFilter<AccountDocument> {
  const { organisation, provider, environment, kind, quarantine, status, reason, text, ids } =
    wanted;
  const and: QueryFilter<AccountDocument>[] = [
    anyOf('provider', provider),
    anyOf('environment', environment),
    anyOf('kind', kind),
    anyOf('last_error.code', reason),
    anyOf('_id', ids),
    quarantine === undefined
      ? {}
      : { quarantine: quarantine ? true : mongoose.trusted({ $ne: true }) },
    status === undefined ? {} : withStatuses(status),
    wanted.expires === undefined ? {} : within('current.expires_at', wanted.expires),
    wanted.refreshExpires === undefined
      ? {}
      : within('current.refresh_token_expires_at', wanted.refreshExpires),
    text === undefined ? {} : holding(text),
    ...(wanted.bounds === undefined ? [] : withinBounds(wanted.bounds)),
    place,
  ].filter((one) => Object.keys(one).length > 0);
  return { organisation, ...(and.length === 0 ? {} : { $and: and }) };
}

function anyOf(
  member: string,
  values: string | readonly string[] | undefined,
): QueryFilter<AccountDocument> {
  if (values === undefined) return {};
  const all = [values].flat();
  return { [member]: all.length === 1 ? all[0] : mongoose.trusted({ $in: all }) };
}

function withStatuses({
  is,
  at,
}: NonNullable<AccountFilter['status']>): QueryFilter<AccountDocument> {
  const [first, ...others] = [is].flat().map((one) => withStatus(one, at));
  if (first === undefined) return {};
  return others.length === 0 ? first : { $or: [first, ...others] };
}

/** The query filter for a status. */
function withStatus(is: AccountStatus, now: Date): QueryFilter<AccountDocument> {
  const { active } = AccountState;
  switch (is) {
    case 'ok':
      return {
        state: active,
        // Also matches `null`: a token without expiry, or one that no caller asks for.
        expiring_soon_at: mongoose.trusted({ $not: { $lte: now } }),
      };
    case 'expiring_soon':
      return {
        state: active,
        'current.expires_at': mongoose.trusted({ $gt: now }),
        expiring_soon_at: mongoose.trusted({ $lte: now }),
      };
    case 'expired':
      return {
        state: active,
        'current.expires_at': mongoose.trusted({ $lte: now }),
        expiring_soon_at: mongoose.trusted({ $lte: now }),
      };
    case 'needs_reconnect':
    case 'inactive':
    case 'disabled':
    case 'disconnected':
      return { state: is };
  }
}

function translated(error: unknown): unknown {
  if (!isDuplicateKey(error)) return error;
  if (isOfIndex(error.message, SUBJECT)) return new SubjectHeldError();
  return isOfIndex(error.message, ENTERED_REFRESH_TOKEN)
    ? new RefreshTokenHeldError()
    : new AccountExistsError();
}

/** The members that identify the account and the refresh token it holds. */
const HOLDER_MEMBERS = {
  provider: 1,
  environment: 1,
  external_id: 1,
  kind: 1,
  entered_refresh_token: 1,
  'current.refresh_token_fingerprint': 1,
};
type HolderDocument = Pick<
  AccountDocument,
  '_id' | 'provider' | 'environment' | 'external_id' | 'kind' | 'entered_refresh_token'
> & { current: Pick<AccountDocument['current'], 'refresh_token_fingerprint'> };

function toIdentity({ provider, environment, external_id, kind }: HolderDocument): AccountIdentity {
  return { provider, environment, externalId: external_id, kind: kind ?? null };
}

/** The members of a grant that no attempt has used yet. */
const NEVER_TRIED = {
  orphaned_grants: [],
  candidate: null,
  claim: null,
  last_error: null,
  unanswered: null,
  failed_attempts: 0,
  proven: false,
  refused_at: null,
  next_attempt_at: null,
  refresh_token_warned_days: null,
  last_validation: null,
  validated_at: null,
  refused_generation: null,
} satisfies Partial<Record<keyof AccountDocument, unknown>>;

/** Initial members of a new account. */
const NEW = {
  state: AccountState.active,
  state_reason: null,
  generation: FIRST_GENERATION,
  previous: null,
  replaced: null,
  last_reconnect: null,
  last_attempt: null,
  ...NEVER_TRIED,
};
