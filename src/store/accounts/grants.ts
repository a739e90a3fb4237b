/**
 * Claims, commits and failures: every write of a refresh. Each is one conditional update, so that of two concurrent
 * refreshers one succeeds and the other finds out. No update overwrites a grant that it has not read.
 */
import type { Connection, Model, mongo } from 'mongoose';
import {
  type Account,
  AccountState,
  type Candidate,
  type Claim,
  isOutOfService,
  type LastAttempt,
  OUT_OF_SERVICE,
} from '../../domain/account/account';
import { accountDueTimes, type RefreshRules } from '../../domain/account/due-times';
import type { SealedGrant } from '../../domain/account/grant';
import { grantFingerprint, replacedBy } from '../../domain/account/reconnect';
import { isRenewed } from '../../domain/account/refresh-token-expiry';
import {
  isBroken,
  needsReconnectEvent,
  type RaisedEvent,
  recoveredEvent,
  tokenRefreshedEvent,
} from '../../domain/events/event';
import type { LogSource } from '../../domain/logs/log-entry';
import type { FailureEffects } from '../../domain/refresh/failure-effects';
import { isRefusalOfApp, type RefreshFailure } from '../../domain/refresh/refresh-failure';
import type { UnansweredSend } from '../../domain/refresh/replay';
import { grantPlace, type Vault } from '../../vault/vault';
import { Grouped } from '../mongo/batched';
import { documentsById, GroupedUpdates, type Update } from '../mongo/batched-updates';
import {
  fromDueTimes,
  fromGrant,
  fromReplaced,
  fromUnanswered,
  toAccount,
  toLastAttempt,
} from './account-mapping';
import {
  type AccountDocument,
  accountsOfAllOrganisations,
  HAS_CANDIDATE,
  NOT_IN_QUARANTINE,
  NOT_STALE,
} from './account-model';
import { NOT_ENTERED } from './entered-refresh-token';

/** How long a claim excludes other refreshers, in ms. Must exceed the HTTP deadline, or two requests could overlap. */
export const LEASE_MS = 30_000;
/** Orphaned grants kept per account. They are rare and short-lived; the bound keeps a bug from growing the document. */
const ORPHANED_GRANTS_MAX = 5;

export interface ClaimInput {
  accountId: string;
  attemptId: string;
  worker: string;
  source: LogSource;
  now: Date;
  /** Finished attempts of the same caller. Their claim counts as abandoned even before its lease expires. */
  supersedes: readonly string[];
  /** An attempt that finished at or after this time already answers the request; `null`: no attempt does. */
  unlessAttemptedSince: Date | null;
}

export type ClaimResult =
  | { kind: 'claimed'; account: Account }
  /** The attempt that holds the claim never finished. Log it and record its failure before claiming again. */
  | { kind: 'abandoned'; account: Account; claim: Claim }
  /** An attempt that finished in the meantime answers the request. */
  | { kind: 'answered'; account: Account; attempt: LastAttempt }
  | { kind: 'claimed_elsewhere'; account: Account; leaseUntil: Date }
  /** This attempt already has a claim, made by a worker that may have crashed. */
  | { kind: 'already_claimed'; account: Account }
  | { kind: 'disabled' | 'disconnected' | 'quarantined' | 'stale_restore'; account: Account }
  | { kind: 'absent' };

export interface FailureRecord {
  /** As read under the claim. */
  account: Account;
  attemptId: string;
  source: LogSource;
  failure: RefreshFailure;
  /** The request with this grant whose response was lost, in this or an earlier attempt; `null` if there is none. */
  unanswered: UnansweredSend | null;
  decision: FailureEffects;
  now: Date;
}

export interface CandidateFailureRecord extends Omit<FailureRecord, 'decision' | 'unanswered'> {
  candidate: Candidate;
  /** `null`: the provider refused the candidate, and it is dropped. */
  retryAt: Date | null;
}

/** The members of an account that tell whether a refresh has finished. */
export type AttemptSnapshot = Pick<Account, 'id' | 'generation' | 'lastAttempt'> & {
  expiresAt: string | null;
};

/** A claim, and the conditions under which it is made. */
interface ClaimWrite {
  filter: mongo.Filter<AccountDocument> & { _id: string };
  claim: NonNullable<AccountDocument['claim']>;
}

export class Grants {
  readonly #accounts: Model<AccountDocument>;
  /** Bypasses the Mongoose model: the documents come from the mapping, and casting took as long as writing. */
  readonly #collection: mongo.Collection<AccountDocument>;
  readonly #claims: Grouped<ClaimWrite, AccountDocument | null>;
  readonly #updates: GroupedUpdates<AccountDocument>;
  readonly #rules: RefreshRules;
  readonly #vault: Pick<Vault, 'resealGrant'>;

  constructor(connection: Connection, rules: RefreshRules, vault: Pick<Vault, 'resealGrant'>) {
    this.#vault = vault;
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
   * Claims an account with one conditional write, which also proves that MongoDB accepts writes before a single-use
   * token is sent. An existing claim is never overwritten, because an abandoned claim records whether its request was
   * sent.
   */
  async claim(input: ClaimInput): Promise<ClaimResult> {
    const { accountId, attemptId, supersedes, unlessAttemptedSince: since, now } = input;
    const conditions: mongo.Filter<AccountDocument>[] = [
      { claim: null },
      // A finished attempt must not start again, and neither must the attempts it supersedes.
      { 'last_attempt.attempt_id': { $nin: [attemptId, ...supersedes] } },
    ];
    if (since !== null) {
      conditions.push({
        $or: [
          { last_attempt: null },
          { 'last_attempt.finished_at': { $lt: since } },
          // A failed candidate says nothing about the current grant.
          { 'last_attempt.of_candidate': true },
        ],
      });
    }
    const document = await this.#claims.call({
      filter: {
        _id: accountId,
        state: { $nin: OUT_OF_SERVICE },
        ...NOT_IN_QUARANTINE,
        $and: [...conditions, { $or: [NOT_STALE, HAS_CANDIDATE] }],
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
    if (isOutOfService(account.state)) return { kind: account.state, account };
    if (account.quarantine) return { kind: 'quarantined', account };
    if (account.staleRestore && !account.candidate?.grant.refreshToken)
      return { kind: 'stale_restore', account };
    const { claim: existing, lastAttempt } = account;
    if (existing?.attemptId === attemptId) return { kind: 'already_claimed', account };
    if (existing !== null) {
      const abandoned = existing.leaseUntil <= now || supersedes.includes(existing.attemptId);
      return abandoned
        ? { kind: 'abandoned', account, claim: existing }
        : { kind: 'claimed_elsewhere', account, leaseUntil: existing.leaseUntil };
    }
    // The claim was released between the write and the read. The caller may retry at once.
    if (lastAttempt === null) return { kind: 'claimed_elsewhere', account, leaseUntil: now };
    return { kind: 'answered', account, attempt: lastAttempt };
  }

  /**
   * @returns the account with the new claim, or with the claim that prevented it; `null` if the account does not exist
   */
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
   * Records the send intent, and checks the claim for the last time. After this, a missing response means that the
   * outcome is unknown. The lease restarts.
   * @returns `false` if another attempt holds the claim or the generation has changed; then the request must not be
   * sent
   */
  async recordSendIntent(
    claim: {
      accountId: string;
      attemptId: string;
      generation: number;
      refreshTokenFingerprint: string;
      /** The candidate grant to try. Nothing is sent if another candidate has replaced it. */
      candidate?: Candidate | null;
    },
    now: Date,
  ): Promise<boolean> {
    return this.#updates.updateOne({
      filter: {
        _id: claim.accountId,
        generation: claim.generation,
        state: { $nin: OUT_OF_SERVICE },
        ...NOT_IN_QUARANTINE,
        ...(claim.candidate ? { 'candidate.fingerprint': claim.candidate.fingerprint } : NOT_STALE),
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
      isIn: ({ claim: existing }) =>
        existing?.attempt_id === claim.attemptId && existing.sent_at?.getTime() === now.getTime(),
    });
  }

  /**
   * Expires the lease of an abandoned claim without a send intent, so that its worker, if it is only slow, cannot send.
   * @returns `false` if the worker recorded its send intent, or the claim no longer exists
   */
  async forbidSending(accountId: string, attemptId: string): Promise<boolean> {
    const result = await this.#accounts.updateOne(
      { _id: accountId, 'claim.attempt_id': attemptId, 'claim.sent_at': null },
      { $set: { 'claim.lease_until': new Date(0) } },
      { timestamps: false },
    );
    return result.matchedCount === 1;
  }

  /** Releases a claim that was not used. */
  async release(accountId: string, attemptId: string): Promise<void> {
    await this.#accounts.updateOne(
      { _id: accountId, 'claim.attempt_id': attemptId },
      { $set: { claim: null } },
      { timestamps: false },
    );
  }

  /** Releases the claim of an account that was not due, and corrects the due times that listed it. */
  async releaseNotDue(account: Account, attemptId: string): Promise<void> {
    await this.#accounts.updateOne(
      { _id: account.id, generation: account.generation, 'claim.attempt_id': attemptId },
      { $set: { claim: null, ...this.#dueTimes(account) } },
      { timestamps: false },
    );
  }

  /**
   * Makes a received grant the current one, by compare-and-set on the generation. Safe to repeat. If another refresh
   * was committed in the meantime, the grant is kept as an orphaned grant beside the current one.
   * @param account as read under the claim
   * @param generation the generation that was claimed
   * @param announced whether a webhook endpoint subscribes to refresh events
   * @param candidate the fingerprint of the candidate that brought this grant; the grant it replaces is kept
   */
  async commit(input: {
    account: Account;
    generation: number;
    grant: SealedGrant;
    source: LogSource;
    announced?: boolean;
    candidate?: string | null;
    now: Date;
  }): Promise<'committed' | 'kept_as_orphan' | 'absent'> {
    const { generation, candidate = null } = input;
    const before = this.#withSealingKey(input.account);
    const accountId = before.id;
    // The grant may have been encrypted for another generation, or with a former key.
    const grant = this.#vault.resealGrant(input.grant, grantPlace(before, generation + 1));
    const attemptId = grant.attemptId ?? '';
    const tried = before.candidate?.fingerprint === candidate ? before.candidate : null;
    // The grant whose refresh token was used for this one. A reconnect keeps the grant it replaces as `replaced`.
    const presented = tried?.grant ?? before.current;
    const after = {
      ...before,
      current: grant,
      previous: presented,
      lastRefreshedAt: new Date(grant.obtainedAt),
      nextAttemptAt: null,
      // A warning about a replaced grant does not apply to the new one.
      refreshTokenWarnedDays: candidate === null ? warnedDaysAfter(before, grant) : null,
      candidate: tried === null ? before.candidate : null,
      ...(candidate === null ? {} : { validatedAt: null }),
    };
    const reconnected =
      candidate === null
        ? {}
        : {
            replaced: fromReplaced(replacedBy(before, grant, input.now)),
            last_reconnect: {
              outcome: 'accepted',
              fingerprint: candidate,
              at: input.now,
              log_entry_id: attemptId,
              failure: null,
            },
            refused_generation: null,
            validated_at: null,
          };
    // Removes the candidate in the same write: its refresh token may be used up and must not be sent again.
    const write = (which: object, dropped: object) =>
      this.#update(
        (update) =>
          this.#updates.updateOne({
            ...update,
            isIn: ({ current }) => current.attempt_id === attemptId,
          }),
        { _id: accountId, generation, ...which },
        {
          $set: {
            ...this.#dueTimes(after),
            ...reconnected,
            ...dropped,
            current: fromGrant(grant),
            previous: fromGrant(presented),
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
            unanswered: null,
            last_validation: null,
            failed_attempts: 0,
            // The refusals of an own client say nothing about the OAuth app.
            proven: !before.hasOwnClient,
            refused_at: null,
            next_attempt_at: null,
            // A grant that waited in Temporal while MongoDB was restored is newer than any backup.
            stale_restore: false,
          },
          $inc: { generation: 1 },
        },
        { state: AccountState.active, state_reason: null, state_at: input.now },
        (broken) => [
          ...(broken
            ? [recoveredEvent(before, candidate === null ? 'refreshed' : 'reconnected', input.now)]
            : []),
          ...(input.announced === true
            ? [tokenRefreshedEvent(before, grant.expiresAt, input.now)]
            : []),
        ],
      );
    const committed =
      candidate === null
        ? await write({}, {})
        : (await write({ 'candidate.fingerprint': candidate }, { candidate: null })) ||
          (await write({ 'candidate.fingerprint': { $ne: candidate } }, {}));
    if (committed) return 'committed';
    const account = await this.read(accountId);
    if (account === null) return 'absent';
    const known = [account.current, account.previous, ...account.orphanedGrants].some(
      (one) => one?.attemptId === attemptId,
    );
    if (account.current.attemptId === attemptId) return 'committed';
    // A candidate does not descend from the current grant, so it replaces whichever grant is current now.
    if (!known && candidate !== null)
      return this.commit({ ...input, account, generation: account.generation });
    if (!known) {
      await this.#accounts.updateOne(
        { _id: accountId, 'orphaned_grants.attempt_id': { $ne: attemptId } },
        { $push: { orphaned_grants: { $each: [fromGrant(grant)], $slice: -ORPHANED_GRANTS_MAX } } },
      );
    }
    return 'kept_as_orphan';
  }

  /**
   * Adopts an orphaned grant whose refresh token differs from the refused one: the refresh that lost the race may have
   * received the only token that still works.
   * @returns whether there was such a grant
   */
  async adoptOrphan(refused: Account, attemptId: string, now: Date): Promise<boolean> {
    const account = this.#withSealingKey(refused);
    const { refreshTokenFingerprint } = account.current;
    const kept = account.orphanedGrants.findLast(
      (one) => one.refreshTokenFingerprint !== refreshTokenFingerprint,
    );
    if (kept === undefined) return false;
    const leaf = this.#vault.resealGrant(kept, grantPlace(account, account.generation + 1));
    const result = await this.#accounts.updateOne(
      { _id: account.id, generation: account.generation, 'claim.attempt_id': attemptId },
      {
        $set: {
          ...this.#dueTimes({
            ...account,
            current: leaf,
            previous: account.current,
            refreshTokenWarnedDays: null,
          }),
          refresh_token_warned_days: null,
          current: fromGrant(leaf),
          previous: fromGrant(account.current),
          claim: null,
          unanswered: null,
          last_validation: null,
          state_at: now,
        },
        // Removes only this grant: another may have been added since the account was read.
        $pull: { orphaned_grants: { attempt_id: leaf.attemptId } },
        $inc: { generation: 1 },
      },
    );
    return result.matchedCount === 1;
  }

  /**
   * Records the failure of an attempt and its effects. Conditional on the claim and the generation, so that a late
   * failure never marks a newer grant. Safe to repeat.
   * @returns `false` if the claim or the generation had changed
   */
  async recordFailure(record: FailureRecord): Promise<boolean> {
    const { account, failure, decision, now } = record;
    const set: Record<string, unknown> = {
      claim: null,
      unanswered: fromUnanswered(record.unanswered),
      updated_at: now,
      last_attempt: {
        attempt_id: record.attemptId,
        outcome: 'failed',
        source: record.source,
        finished_at: now,
      },
    };
    if (failure.class !== 'rate' && failure.class !== 'ours') set['proven'] = false;
    if (isRefusalOfApp(failure) && account.refusedAt === null) set['refused_at'] = now;
    if (decision.nextAttemptAt !== null) {
      const { nextAttemptAt } = decision;
      Object.assign(
        set,
        { next_attempt_at: nextAttemptAt },
        this.#dueTimes({ ...account, nextAttemptAt }),
      );
    }
    if (decision.countsAgainstAccount) {
      const { class: failureClass, code, message, status, detail } = failure;
      set['last_error'] = { class: failureClass, code, message, status, detail, at: now };
    }
    return this.#update(
      // Not batched: a batch may repeat an update, and this one cannot tell its own write from a later attempt's.
      (update) => this.#updates.updateAlone(update),
      {
        _id: account.id,
        generation: account.generation,
        'claim.attempt_id': record.attemptId,
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
   * Records the failure of an attempt that tried a candidate grant. The current grant, the account's state and its last
   * error do not change.
   * @returns `false` if the claim, the generation or the candidate had changed
   */
  async recordCandidateFailure(record: CandidateFailureRecord): Promise<boolean> {
    const { account, attemptId, candidate, failure, retryAt, now } = record;
    const { fingerprint } = candidate;
    const { retryAfterMs: _, ...error } = failure;
    const waiting: Candidate | null =
      retryAt === null
        ? null
        : {
            ...candidate,
            failedAttempts: candidate.failedAttempts + 1,
            nextAttemptAt: retryAt,
            lastFailure: { ...error, at: now },
          };
    const isReplaced =
      account.replaced !== null && grantFingerprint(account.replaced.grant) === fingerprint;
    return this.#updates.updateAlone({
      filter: {
        _id: account.id,
        generation: account.generation,
        'claim.attempt_id': attemptId,
        'candidate.fingerprint': fingerprint,
      },
      update: {
        $set: {
          ...this.#dueTimes({ ...account, candidate: waiting }),
          claim: null,
          updated_at: now,
          last_attempt: {
            attempt_id: attemptId,
            outcome: 'failed',
            source: record.source,
            finished_at: now,
            of_candidate: true,
          },
          ...(waiting === null
            ? {
                candidate: null,
                last_reconnect: {
                  outcome: 'refused',
                  fingerprint,
                  at: now,
                  log_entry_id: attemptId,
                  failure: { ...error, at: now },
                },
                // A restored grant that the provider refused cannot be restored again.
                ...(isReplaced ? { replaced: null } : {}),
              }
            : {
                'candidate.failed_attempts': waiting.failedAttempts,
                'candidate.next_attempt_at': waiting.nextAttemptAt,
                'candidate.last_failure': waiting.lastFailure,
              }),
        },
        // Lets another account be given the refused token.
        ...(waiting === null ? NOT_ENTERED : {}),
      },
    });
  }

  /**
   * Writes an outcome, the resulting state, and the events of that change, all or nothing. An account that was disabled
   * or disconnected in the meantime stays so; the rest is still written.
   * @param write returns whether it found the account
   * @param eventsOf the events to write, given whether the account was broken before
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

  #dueTimes(account: Account): object {
    return fromDueTimes(accountDueTimes(account, this.#rules(account.provider)));
  }

  /** Encrypts the account's grants with the current key: they were read earlier, perhaps under a former key. */
  #withSealingKey(account: Account): Account {
    const { candidate } = account;
    const resealed = (grant: SealedGrant) =>
      this.#vault.resealGrant(grant, grantPlace(account, grant.generation));
    return {
      ...account,
      current: resealed(account.current),
      candidate: candidate && { ...candidate, grant: resealed(candidate.grant) },
    };
  }

  /** Reads by id across organisations, for workers. */
  async read(accountId: string): Promise<Account | null> {
    const document = await this.#accounts.findById(accountId).lean<AccountDocument>();
    return document === null ? null : toAccount(document);
  }

  /** The current state of these accounts, across organisations. Deleted accounts are absent. */
  async snapshots(accountIds: readonly string[]): Promise<AttemptSnapshot[]> {
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

/** Whether this call made the claim. An earlier call under the same attempt id may have made it, and may have sent. */
function isMade(claim: Claim | null, attemptId: string, now: Date): boolean {
  return (
    claim?.attemptId === attemptId &&
    claim.at.getTime() === now.getTime() &&
    claim.sentAt === undefined
  );
}

/** A warning stays in force until a refresh extends the refresh token's expiry; rotation alone does not repeat it. */
function warnedDaysAfter(before: Account, grant: SealedGrant): number | null {
  const isMoved = grant.refreshTokenExpiresAt === null || isRenewed(before.current, grant);
  return isMoved ? null : before.refreshTokenWarnedDays;
}
