/** Accounts due for validation, and the verdicts. Every write is conditional on the token that was validated. */
import type { Connection, Model } from 'mongoose';
import type { LastValidation } from '../../domain/account/account';
import { type Account, AccountState } from '../../domain/account/account';
import { accountDueTimes, type RefreshRules } from '../../domain/account/due-times';
import type { ValidationConsequence } from '../../domain/account/validation';
import {
  isBroken,
  needsReconnectEvent,
  type RaisedEvent,
  recoveredEvent,
} from '../../domain/events/event';
import type { RefreshFailure } from '../../domain/refresh/refresh-failure';
import type { DueAccount } from '../../domain/refresh/sweep';
import { fromDueTimes } from './account-mapping';
import {
  type AccountDocument,
  accountsOfAllOrganisations,
  NOT_IN_QUARANTINE,
} from './account-model';
import { dueAccount, environmentsOf, type Listed } from './due-accounts';

export interface ValidationQuery {
  provider: string;
  environment: string | null;
  /** Environments to exclude. */
  without?: readonly string[];
  asOf: Date;
  limit: number;
}

export class Validations {
  readonly #accounts: Model<AccountDocument>;
  readonly #rules: RefreshRules;

  constructor(connection: Connection, rules: RefreshRules) {
    this.#accounts = accountsOfAllOrganisations(connection);
    this.#rules = rules;
  }

  /**
   * Active accounts that are due for validation. Accounts with an expired access token are left out, because a refresh
   * is due instead. The caller postpones the accounts it takes, so the first page is always the next one.
   */
  async due({ provider, asOf, limit, ...query }: ValidationQuery): Promise<DueAccount[]> {
    const documents = await this.#accounts
      .find({
        provider,
        state: AccountState.active,
        ...environmentsOf(query),
        // The other system may have replaced the token of an account in quarantine, so a refusal would prove nothing.
        ...NOT_IN_QUARANTINE,
        validation_due_at: { $lte: asOf },
        'current.expires_at': { $not: { $lte: asOf } },
      })
      .select({ organisation: 1, environment: 1, label: 1 })
      .sort({ validation_due_at: 1, _id: 1 })
      .limit(limit)
      .lean<Listed[]>();
    return documents.map(dueAccount);
  }

  /** Postpones accounts before they are validated, so that a failed validation is retried at the next interval. */
  async putOff(accountIds: readonly string[], until: Date): Promise<void> {
    await this.#accounts.updateMany(
      { _id: { $in: accountIds } },
      { $set: { validation_due_at: until } },
      { timestamps: false },
    );
  }

  /**
   * Records a verdict and its consequence.
   * @param account as read before its token was sent
   * @returns `false` if the token was replaced or the account disabled in the meantime; then the verdict is void
   */
  async record(
    account: Account,
    verdict: {
      validation: LastValidation;
      consequence: ValidationConsequence;
      failure: RefreshFailure | null;
      /** Postpones the next validation further than the policy does. */
      dueAt?: Date;
    },
  ): Promise<boolean> {
    const { validation, consequence, failure, dueAt } = verdict;
    const after = {
      ...account,
      validatedAt: validation.at,
      ...(consequence.kind === 'activate' ? { nextAttemptAt: null } : {}),
    };
    const dueTimes = accountDueTimes(after, this.#rules(account.provider));
    const set: Record<string, unknown> = {
      ...fromDueTimes(dueTimes),
      validation_due_at: latest(dueTimes.validationDueAt, account.dueTimes.validationDueAt, dueAt),
      last_validation: {
        outcome: validation.outcome,
        at: validation.at,
        log_entry_id: validation.logEntryId,
      },
      validated_at: validation.at,
      ...(validation.outcome === 'valid' ? { refused_generation: null } : {}),
      ...changesOf(account, consequence, failure, validation.at),
    };
    const result = await this.#accounts.updateOne(
      {
        _id: account.id,
        generation: account.generation,
        'current.access_token_fingerprint': account.current.accessTokenFingerprint,
        state: account.state,
      },
      { $set: set, ...eventsOf(account, consequence, failure, validation.at) },
    );
    return result.matchedCount === 1;
  }
}

/** The later of the policy's time and the postponed one; `null` (never) stays `null`. */
function latest(clock: Date | null, ...others: (Date | null | undefined)[]): Date | null {
  return clock && new Date(Math.max(...[clock, ...others].map(Number).filter(Number.isFinite)));
}

/** The event to write with a change of state. */
function eventsOf(
  account: Account,
  consequence: ValidationConsequence,
  failure: RefreshFailure | null,
  at: Date,
): { $push?: { unsent_events: RaisedEvent } } {
  const broken = isBroken(account.state);
  if (consequence.kind === 'activate' && broken)
    return { $push: { unsent_events: recoveredEvent(account, 'validated', at) } };
  if (consequence.kind !== 'state' || broken || !isBroken(consequence.state)) return {};
  const reason = failure?.code ?? 'access_token_refused';
  return {
    $push: {
      unsent_events: needsReconnectEvent(account, { state: consequence.state, reason, at }),
    },
  };
}

function changesOf(
  { generation }: Account,
  consequence: ValidationConsequence,
  failure: RefreshFailure | null,
  at: Date,
): Record<string, unknown> {
  switch (consequence.kind) {
    case 'none':
      return {};
    case 'activate':
      return {
        state: AccountState.active,
        state_reason: null,
        state_at: at,
        last_error: null,
        failed_attempts: 0,
        next_attempt_at: null,
      };
    case 'refresh':
      return { refused_generation: generation };
    case 'state':
      return {
        state: consequence.state,
        state_reason: failure?.message ?? null,
        state_at: at,
        ...(failure === null ? {} : { last_error: { ...failure, at } }),
      };
  }
}
