/** Which accounts are to be validated, and what came of it. Every write is conditional on the token that was shown. */
import type { Connection, Model } from 'mongoose';
import { type Account, AccountState } from '../domain/account';
import { isBroken, needsReconnectEvent, type RaisedEvent, recoveredEvent } from '../domain/event';
import type { RefreshFailure } from '../domain/refresh-failure';
import { accountClocks, type RefreshRules } from '../domain/refresh-policy';
import type { DueAccount } from '../domain/sweep';
import type { LastValidation, TokenVerdict, ValidationConsequence } from '../domain/validation';
import { fromClocks } from './account-mapping';
import {
  type AccountDocument,
  accountModel,
  accountsOfAllOrganisations,
  NOT_IN_QUARANTINE,
} from './account-model';
import { dueAccount, environmentsOf, type Listed } from './due-accounts';

export interface ValidationQuery {
  provider: string;
  environment: string | null;
  /** Environments whose accounts are left out. */
  without?: readonly string[];
  asOf: Date;
  limit: number;
}

/** How the accounts of one provider fared when they were last validated. */
export interface ValidationCounts {
  provider: string;
  /** Valid, and asked after the given moment. */
  validatedRecently: number;
  invalid: number;
}

export class Validations {
  readonly #accounts: Model<AccountDocument>;
  readonly #scoped: Model<AccountDocument>;
  readonly #rules: RefreshRules;

  constructor(connection: Connection, rules: RefreshRules) {
    this.#accounts = accountsOfAllOrganisations(connection);
    this.#scoped = accountModel(connection);
    this.#rules = rules;
  }

  /**
   * Active accounts that nobody asked about since they came due. An access token that has ended is left out: it is due
   * for a refresh. Whoever takes them puts them off, so the first page is always the next.
   */
  async due({ provider, asOf, limit, ...query }: ValidationQuery): Promise<DueAccount[]> {
    const documents = await this.#accounts
      .find({
        provider,
        state: AccountState.active,
        ...environmentsOf(query),
        // What another system keeps is refused here, and that says nothing of the account.
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

  /** Puts accounts off, before they are asked about: what goes wrong with one is tried again the next time. */
  async putOff(accountIds: readonly string[], until: Date): Promise<void> {
    await this.#accounts.updateMany(
      { _id: { $in: accountIds } },
      { $set: { validation_due_at: until } },
      { timestamps: false },
    );
  }

  /**
   * Writes a verdict and what follows from it.
   * @param account as it was read before its token was shown
   * @returns `false` if the token was replaced or the account disabled meanwhile: then the verdict is void
   */
  async record(
    account: Account,
    verdict: {
      validation: LastValidation;
      consequence: ValidationConsequence;
      failure: RefreshFailure | null;
      /** Only to put it off further. */
      dueAt?: Date;
    },
  ): Promise<boolean> {
    const { validation, consequence, failure, dueAt } = verdict;
    const after = {
      ...account,
      lastValidation: validation,
      ...(consequence.kind === 'activate' ? { nextAttemptAt: null } : {}),
    };
    const clocks = accountClocks(after, this.#rules(account.provider));
    const set: Record<string, unknown> = {
      ...fromClocks(clocks),
      validation_due_at: latest(clocks.validationDueAt, account.clocks.validationDueAt, dueAt),
      last_validation: {
        outcome: validation.outcome,
        at: validation.at,
        log_entry_id: validation.logEntryId,
      },
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

  /** Counted in the database, by provider; `since` says by provider what is recent. */
  async count(organisation: string, since: ReadonlyMap<string, Date>): Promise<ValidationCounts[]> {
    const groups = await this.#scoped.aggregate<{
      _id: { provider: string; outcome: TokenVerdict };
      count: number;
    }>([
      {
        $match: {
          organisation,
          state: { $ne: AccountState.disabled },
          $or: [
            { 'last_validation.outcome': 'invalid' },
            ...[...since].map(([provider, after]) => ({
              provider,
              'last_validation.outcome': 'valid',
              'last_validation.at': { $gt: after },
            })),
          ],
        },
      },
      {
        $group: {
          _id: { provider: '$provider', outcome: '$last_validation.outcome' },
          count: { $sum: 1 },
        },
      },
    ]);
    return [...since.keys()].map((provider) => {
      const of = (outcome: TokenVerdict) =>
        groups.find(({ _id }) => _id.provider === provider && _id.outcome === outcome)?.count ?? 0;
      return { provider, validatedRecently: of('valid'), invalid: of('invalid') };
    });
  }
}

/** Never before the moment it was put off to; `null` stays never. */
function latest(clock: Date | null, ...others: (Date | null | undefined)[]): Date | null {
  return clock && new Date(Math.max(...[clock, ...others].map(Number).filter(Number.isFinite)));
}

/** The event that is written with a change of state. */
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
