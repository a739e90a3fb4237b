/**
 * Claim, commit and settle: every write around a refresh. Each is one conditional update, so that of two refreshers
 * one wins and the other knows; none overwrites a grant it has not read.
 */
import type { Connection, Model, mongo } from 'mongoose';
import { type Account, AccountState, type Claim, type LastAttempt } from '../domain/account';
import {
  isBroken,
  needsReconnectEvent,
  type RaisedEvent,
  recoveredEvent,
  tokenRefreshedEvent,
} from '../domain/event';
import type { SealedGrant } from '../domain/grant';
import type { LogSource } from '../domain/log-entry';
import type { RefreshFailure } from '../domain/refresh-failure';
import { accountClocks, type RefreshRules } from '../domain/refresh-policy';
import type { SettlementDecision } from '../domain/settlement';
import { fromClocks, fromGrant, toAccount, toLastAttempt } from './account-mapping';
import {
  type AccountDocument,
  accountsOfAllOrganisations,
  NOT_IN_QUARANTINE,
  NOT_STALE,
} from './account-model';
import { Grouped } from './grouped';
import { documentsById, GroupedUpdates, type Update } from './grouped-updates';

/** Longer than the HTTP deadline: while it lasts, nobody else may send. */
export const LEASE_MS = 30_000;
/** Leaves are few and short-lived; a bound keeps a fault from growing a document without end. */
const LEAVES_MAX = 5;

export interface ClaimInput {
  accountId: string;
  attemptId: string;
  worker: string;
  source: LogSource;
  now: Date;
  /** Earlier attempts of the same caller, known to be over: their claim is abandoned, whatever its lease says. */
  supersedes: readonly string[];
  /** An attempt that ended at or after this moment already answers the request; `null`: none does. */
  unlessAttemptedSince: Date | null;
}

export type ClaimResult =
  | { kind: 'claimed'; account: Account }
  /** The claim of an attempt that never reported back stands in the way: it is to be logged and settled first. */
  | { kind: 'abandoned'; account: Account; claim: Claim }
  /** An attempt that ended meanwhile is the answer. */
  | { kind: 'answered'; account: Account; attempt: LastAttempt }
  | { kind: 'busy'; account: Account; leaseUntil: Date }
  /** It was made before, by a worker that may have gone since. */
  | { kind: 'begun_before'; account: Account }
  | { kind: 'disabled' | 'quarantined' | 'stale_restore'; account: Account }
  | { kind: 'absent' };

export interface Settlement {
  /** As read under the claim. */
  account: Account;
  attemptId: string;
  source: LogSource;
  failure: RefreshFailure;
  decision: SettlementDecision;
  now: Date;
}

/** As much of an account as tells whether a refresh of it has ended. */
export type Standing = Pick<Account, 'id' | 'generation' | 'lastAttempt'> & {
  expiresAt: string | null;
};

/** A claim to be made where nothing stands in its way. */
interface ClaimWrite {
  filter: mongo.Filter<AccountDocument> & { _id: string };
  claim: NonNullable<AccountDocument['claim']>;
}

export class Grants {
  readonly #accounts: Model<AccountDocument>;
  /** Without the model: what is written here comes from the mapping, and casting it cost as much as writing it. */
  readonly #collection: mongo.Collection<AccountDocument>;
  readonly #claims: Grouped<ClaimWrite, AccountDocument | null>;
  readonly #updates: GroupedUpdates<AccountDocument>;
  readonly #rules: RefreshRules;

  constructor(connection: Connection, rules: RefreshRules) {
    this.#accounts = accountsOfAllOrganisations(connection);
    this.#collection = connection.collection<AccountDocument>(this.#accounts.collection.name);
    this.#claims = new Grouped(
      (one) => this.#claimAlone(one),
      (all) => this.#claimTogether(all),
    );
    this.#updates = new GroupedUpdates(this.#collection);
    this.#rules = rules;
  }

  /**
   * One conditional write: it proves that the database can be written before a single-use token is spent. A claim is
   * never taken over, only made where none stands: what an abandoned one tells must not be overwritten.
   */
  async claim(input: ClaimInput): Promise<ClaimResult> {
    const { accountId, attemptId, supersedes, unlessAttemptedSince: since, now } = input;
    const conditions: mongo.Filter<AccountDocument>[] = [
      { claim: null },
      // What has ended is not begun once more: neither this attempt nor one that it supersedes.
      { 'last_attempt.attempt_id': { $nin: [attemptId, ...supersedes] } },
    ];
    if (since !== null) {
      conditions.push({
        $or: [{ last_attempt: null }, { 'last_attempt.finished_at': { $lt: since } }],
      });
    }
    const document = await this.#claims.call({
      filter: {
        _id: accountId,
        state: { $ne: AccountState.disabled },
        ...NOT_IN_QUARANTINE,
        ...NOT_STALE,
        $and: conditions,
      },
      claim: {
        attempt_id: attemptId,
        worker: input.worker,
        source: input.source,
        at: now,
        lease_until: new Date(now.getTime() + LEASE_MS),
      },
    });
    if (document === null) return { kind: 'absent' };
    const account = toAccount(document);
    if (isMade(account.claim, attemptId, now))
      return { kind: 'claimed', account: { ...account, claim: null } };
    if (account.state === AccountState.disabled) return { kind: 'disabled', account };
    if (account.quarantine) return { kind: 'quarantined', account };
    if (account.staleRestore) return { kind: 'stale_restore', account };
    const { claim: standing, lastAttempt } = account;
    if (standing?.attemptId === attemptId) return { kind: 'begun_before', account };
    if (standing !== null) {
      const abandoned = standing.leaseUntil <= now || supersedes.includes(standing.attemptId);
      return abandoned
        ? { kind: 'abandoned', account, claim: standing }
        : { kind: 'busy', account, leaseUntil: standing.leaseUntil };
    }
    // Nothing stands in the way any more, and nothing answers: the claim was given back a moment ago.
    if (lastAttempt === null) return { kind: 'busy', account, leaseUntil: now };
    return { kind: 'answered', account, attempt: lastAttempt };
  }

  /** @returns the account with the claim, or with what stands in its way; `null` if there is none */
  async #claimAlone({ filter, claim }: ClaimWrite): Promise<AccountDocument | null> {
    const claimed = await this.#collection.findOneAndUpdate(
      filter,
      { $set: { claim } },
      { returnDocument: 'after' },
    );
    return claimed ?? this.#collection.findOne({ _id: filter._id });
  }

  /** @returns as `#claimAlone` */
  async #claimTogether(all: readonly ClaimWrite[]): Promise<(AccountDocument | null)[]> {
    await this.#collection.bulkWrite(
      all.map(({ filter, claim }) => ({ updateOne: { filter, update: { $set: { claim } } } })),
      { ordered: false },
    );
    const ids = all.map(({ filter }) => filter._id);
    const documents = await documentsById(this.#collection, ids);
    return ids.map((id) => documents.get(id) ?? null);
  }

  /**
   * The last look before the request leaves, and the record that it may have left: from here on a missing answer is
   * *unknown*. The lease starts anew.
   * @returns `false` if the claim or the generation is no longer ours; then nothing may be sent.
   */
  async markSending(
    claim: {
      accountId: string;
      attemptId: string;
      generation: number;
      refreshTokenFingerprint: string;
    },
    now: Date,
  ): Promise<boolean> {
    return this.#updates.updateOne({
      filter: {
        _id: claim.accountId,
        generation: claim.generation,
        state: { $ne: AccountState.disabled },
        ...NOT_IN_QUARANTINE,
        ...NOT_STALE,
        'claim.attempt_id': claim.attemptId,
        'claim.lease_until': { $gt: now },
      },
      update: {
        $set: {
          'claim.sent_at': now,
          'claim.lease_until': new Date(now.getTime() + LEASE_MS),
          'claim.generation': claim.generation,
          'claim.refresh_token_fingerprint': claim.refreshTokenFingerprint,
        },
      },
      isIn: ({ claim: standing }) =>
        standing?.attempt_id === claim.attemptId && standing.sent_at?.getTime() === now.getTime(),
    });
  }

  /**
   * Ends the lease of an abandoned claim that has sent nothing, so that it sends nothing any more: its worker may only
   * have been slow.
   * @returns `false` if it was marked as sent, or is gone, meanwhile
   */
  async forbidSending(accountId: string, attemptId: string): Promise<boolean> {
    const result = await this.#accounts.updateOne(
      { _id: accountId, 'claim.attempt_id': attemptId, 'claim.sent_at': null },
      { $set: { 'claim.lease_until': new Date(0) } },
      { timestamps: false },
    );
    return result.matchedCount === 1;
  }

  /** Gives a claim back that was not used. */
  async release(accountId: string, attemptId: string): Promise<void> {
    await this.#accounts.updateOne(
      { _id: accountId, 'claim.attempt_id': attemptId },
      { $set: { claim: null } },
      { timestamps: false },
    );
  }

  /** Gives the claim of an account back that turned out not to be due, and sets the clock right that said so. */
  async releaseNotDue(account: Account, attemptId: string): Promise<void> {
    await this.#accounts.updateOne(
      { _id: account.id, generation: account.generation, 'claim.attempt_id': attemptId },
      { $set: { claim: null, ...this.#clocks(account) } },
      { timestamps: false },
    );
  }

  /**
   * Makes a received grant the current one, by compare-and-set on the generation. Safe to repeat. If another refresh
   * won meanwhile, the grant is kept as a leaf beside the current one.
   * @param account as read under the claim
   * @param generation the one that was claimed
   * @param announced whether somebody asked to be told of each refresh
   */
  async commit(input: {
    account: Account;
    generation: number;
    grant: SealedGrant;
    source: LogSource;
    announced?: boolean;
    now: Date;
  }): Promise<'committed' | 'kept_as_leaf' | 'absent'> {
    const { account: before, generation, grant } = input;
    const accountId = before.id;
    const attemptId = grant.attemptId ?? '';
    const after = {
      ...before,
      current: grant,
      lastRefreshedAt: new Date(grant.obtainedAt),
      nextAttemptAt: null,
      lastValidation: null,
      refreshTokenWarnedDays: warnedDaysAfter(before, grant),
    };
    const committed = await this.#update(
      (update) =>
        this.#updates.updateOne({
          ...update,
          isIn: ({ current }) => current.attempt_id === attemptId,
        }),
      { _id: accountId, generation },
      {
        $set: {
          ...this.#clocks(after),
          current: fromGrant(grant),
          previous: fromGrant(before.current),
          claim: null,
          updated_at: input.now,
          last_refreshed_at: after.lastRefreshedAt,
          refresh_token_warned_days: after.refreshTokenWarnedDays,
          last_attempt: {
            attempt_id: attemptId,
            outcome: 'refreshed',
            source: input.source,
            finished_at: input.now,
          },
          last_error: null,
          last_validation: null,
          failed_attempts: 0,
          next_attempt_at: null,
          // Also one that waited in Temporal while the database was restored: it is newer than any backup.
          stale_restore: false,
        },
        $inc: { generation: 1 },
      },
      { state: AccountState.active, state_reason: null, state_at: input.now },
      (broken) => [
        ...(broken ? [recoveredEvent(before, 'refreshed', input.now)] : []),
        ...(input.announced === true
          ? [tokenRefreshedEvent(before, grant.expiresAt, input.now)]
          : []),
      ],
    );
    if (committed) return 'committed';
    const account = await this.read(accountId);
    if (account === null) return 'absent';
    const known = [account.current, account.previous, ...account.leaves].some(
      (one) => one?.attemptId === attemptId,
    );
    if (account.current.attemptId === attemptId) return 'committed';
    if (!known) {
      await this.#accounts.updateOne(
        { _id: accountId, 'leaves.attempt_id': { $ne: attemptId } },
        { $push: { leaves: { $each: [fromGrant(grant)], $slice: -LEAVES_MAX } } },
      );
    }
    return 'kept_as_leaf';
  }

  /**
   * Takes a leaf whose refresh token differs from the refused one as the current grant: a refresh that lost a race
   * may have brought the only token that still works.
   * @returns whether there was one
   */
  async promoteLeaf(account: Account, attemptId: string, now: Date): Promise<boolean> {
    const refused = account.current.refreshTokenFingerprint;
    const leaf = account.leaves.findLast((one) => one.refreshTokenFingerprint !== refused);
    if (leaf === undefined) return false;
    const result = await this.#accounts.updateOne(
      { _id: account.id, generation: account.generation, 'claim.attempt_id': attemptId },
      {
        $set: {
          ...this.#clocks({
            ...account,
            current: leaf,
            refreshTokenWarnedDays: null,
            lastValidation: null,
          }),
          refresh_token_warned_days: null,
          current: fromGrant(leaf),
          previous: fromGrant(account.current),
          claim: null,
          last_validation: null,
          state_at: now,
        },
        // Taken out alone: another leaf may have come since the account was read.
        $pull: { leaves: { attempt_id: leaf.attemptId } },
        $inc: { generation: 1 },
      },
    );
    return result.matchedCount === 1;
  }

  /**
   * Writes how a failed attempt ended. Conditional on the claim and the generation, so that the loser of a race never
   * marks the winner's grant, and repeating it changes nothing.
   * @returns `false` if the claim or generation had moved on
   */
  async settle(settlement: Settlement): Promise<boolean> {
    const { account, failure, decision, now } = settlement;
    const set: Record<string, unknown> = {
      claim: null,
      updated_at: now,
      last_attempt: {
        attempt_id: settlement.attemptId,
        outcome: 'failed',
        source: settlement.source,
        finished_at: now,
      },
    };
    if (decision.nextAttemptAt !== null) {
      const { nextAttemptAt } = decision;
      Object.assign(
        set,
        { next_attempt_at: nextAttemptAt },
        this.#clocks({ ...account, nextAttemptAt }),
      );
    }
    if (decision.countsAgainstAccount) {
      const { class: failureClass, code, message, status, detail } = failure;
      set['last_error'] = { class: failureClass, code, message, status, detail, at: now };
    }
    return this.#update(
      // Alone: repeated, it would not know itself from one that another overtook.
      (update) => this.#updates.updateAlone(update),
      {
        _id: account.id,
        generation: account.generation,
        'claim.attempt_id': settlement.attemptId,
      },
      { $set: set, ...(decision.countsAgainstAccount ? { $inc: { failed_attempts: 1 } } : {}) },
      decision.state === null
        ? {}
        : { state: decision.state, state_reason: failure.message, state_at: now },
      (broken) => {
        const { state } = decision;
        const breaks = state !== null && isBroken(state) && !broken;
        return breaks
          ? [needsReconnectEvent(account, { state, reason: failure.code, at: now })]
          : [];
      },
    );
  }

  /**
   * Writes an outcome, the state that follows from it, and with the change of state the events that tell of it: all of
   * it or nothing. An account that an admin disabled meanwhile stays disabled; the rest is written all the same.
   * @param write says whether it found the account
   * @param eventsOf what is to be told, of an account that was broken before or was not
   */
  async #update(
    write: (update: Update<AccountDocument>) => Promise<boolean>,
    filter: Update<AccountDocument>['filter'],
    update: { $set: object; $inc?: Record<string, number> },
    state: object,
    eventsOf: (broken: boolean) => RaisedEvent[],
  ): Promise<boolean> {
    const { active, needsReconnect, inactive } = AccountState;
    for (const broken of [false, true]) {
      const events = eventsOf(broken);
      const from = broken ? { $in: [needsReconnect, inactive] } : active;
      const isWritten = await write({
        filter: { ...filter, state: from },
        update: {
          ...update,
          $set: { ...update.$set, ...state },
          ...(events.length === 0 ? {} : { $push: { unsent_events: { $each: events } } }),
        },
      });
      if (isWritten) return true;
    }
    return write({ filter, update });
  }

  #clocks(account: Account): object {
    return fromClocks(accountClocks(account, this.#rules(account.provider)));
  }

  /** One account whatever its organisation: for workers, which serve all of them. */
  async read(accountId: string): Promise<Account | null> {
    const document = await this.#accounts.findById(accountId).lean<AccountDocument>();
    return document === null ? null : toAccount(document);
  }

  /** Where these accounts stand, whatever their organisations; those that are gone are absent. */
  async standings(accountIds: readonly string[]): Promise<Standing[]> {
    const documents = await this.#collection
      .find({ _id: { $in: [...accountIds] } })
      .project<Pick<AccountDocument, '_id' | 'generation' | 'last_attempt' | 'current'>>({
        generation: 1,
        last_attempt: 1,
        'current.expires_at': 1,
      })
      .toArray();
    return documents.map(({ _id, generation, last_attempt: last, current }) => ({
      id: _id,
      generation,
      lastAttempt: last ? toLastAttempt(last) : null,
      expiresAt: current.expires_at?.toISOString() ?? null,
    }));
  }
}

/** The claim of this very call: one that an earlier call under the same id left, perhaps sent, is not it. */
function isMade(claim: Claim | null, attemptId: string, now: Date): boolean {
  return (
    claim?.attemptId === attemptId &&
    claim.at.getTime() === now.getTime() &&
    claim.sentAt === undefined
  );
}

/** What was said of the end of a refresh token holds as long as that token and its end do. */
function warnedDaysAfter(before: Account, grant: SealedGrant): number | null {
  const { current } = before;
  const same =
    grant.refreshTokenFingerprint === current.refreshTokenFingerprint &&
    grant.refreshTokenExpiresAt === current.refreshTokenExpiresAt;
  return same ? before.refreshTokenWarnedDays : null;
}
