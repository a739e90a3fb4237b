/**
 * Gets a token that is valid now: from memory, else from the store, else from a refresh that all callers of this process
 * share. `token-answer.ts` decides what is served; this module reads what that needs.
 */
import type { Logger } from 'pino';
import { type AccountBounds, isWithin } from '../../domain/access/account-bounds';
import { type Account, AccountState } from '../../domain/account/account';
import { accountDueTimes } from '../../domain/account/due-times';
import { remainingLifeMs } from '../../domain/account/grant';
import { holdsCredentials } from '../../domain/account/grant-type';
import { useDecision } from '../../domain/account/token-use';
import type { AttemptOutcome } from '../../domain/refresh/refresh-attempt';
import { notFound } from '../../domain/service-error';
import type { ConfiguredProviders } from '../../providers/config/configured-providers';
import type { Store } from '../../store/store';
import type { RefreshClient } from '../../temporal/refresh-client';
import { within } from '../../temporal/within';
import type { Vault } from '../../vault/vault';
import { callerName } from '../access/authenticator';
import { describeError } from '../describe-error';
import { type OpenedAccount, OpenedAccounts } from './opened-accounts';
import {
  type AnswerInput,
  attemptToExplain,
  type Renewal,
  tokenAnswer,
  usesFallback,
  type ValidToken,
} from './token-answer';

/** How long, in ms, a caller who could be served another token waits for the refreshed one. */
const WAIT_WITH_ANOTHER_MS = 10_000;

export interface TokenUse {
  organisation: string;
  keyId: string;
  accountId: string;
  minValidSeconds: number;
  /** The accounts that exist for the caller. Absent: all of its organisation. */
  bounds?: AccountBounds | undefined;
}

/** A renewal, and the account as it was read after it. */
interface Renewed extends Renewal {
  opened: OpenedAccount | null;
}

interface ValidTokensDependencies {
  store: Store;
  vault: Vault;
  providers: ConfiguredProviders;
  refreshes: RefreshClient;
  logger: Logger;
  now: () => Date;
}

export class ValidTokens {
  readonly #deps: ValidTokensDependencies;
  readonly #accounts: OpenedAccounts;
  readonly #renewals = new Map<string, Promise<Renewed>>();
  /** Accounts whose use is being recorded. */
  readonly #noting = new Map<string, Promise<unknown>>();

  constructor(deps: ValidTokensDependencies) {
    this.#deps = deps;
    this.#accounts = new OpenedAccounts(deps);
  }

  /**
   * @throws {ServiceError} `not_found`; the error of MongoDB or Temporal where they are unreachable and no token can be
   * served without them
   */
  async get(use: TokenUse): Promise<ValidToken> {
    const askedAt = this.#deps.now();
    const cached = this.#accounts.cached(use.organisation, use.accountId);
    if (
      cached !== undefined &&
      isWithin(use.bounds, cached.account) &&
      this.#decide(cached, use, askedAt).reason === 'fresh'
    ) {
      this.#noteAsked(cached);
      return this.#answer(cached, use, 'memory', null);
    }

    // An account out of bounds is read like an absent one, so that the time does not tell them apart.
    let opened = existingFor(use, await this.#accounts.read(use.organisation, use.accountId));
    const { generation } = opened.account;
    let renewal: Renewed | null = null;
    // Twice, because the first may have joined a refresh with a smaller min_valid_seconds, which found nothing due.
    for (let turn = 0; turn < 2 && this.#decide(opened, use, this.#deps.now()).due; turn += 1) {
      renewal = await this.#renew(opened, use, askedAt);
      opened = existingFor(use, renewal.opened);
      const { outcome } = renewal;
      if (outcome?.outcome !== 'skipped' || outcome.heldForMs !== undefined) break;
    }
    const source = opened.account.generation === generation ? 'store' : 'refresh';
    this.#noteAsked(opened);
    return this.#answer(opened, use, source, renewal);
  }

  /**
   * Sweeps refresh an account with credentials ahead only while callers ask for its token. One record per token is
   * enough: with it, the account has a due time. No caller waits for the record, and none fails with it.
   */
  #noteAsked({ account }: OpenedAccount): void {
    const { id, organisation, grantType, state, dueTimes } = account;
    if (!holdsCredentials(grantType) || state !== AccountState.active || dueTimes.dueAt !== null)
      return;
    if (this.#noting.has(id)) return;
    const { providers, store, now } = this.#deps;
    const askedAt = now();
    // If sweeps are off, no record gives a due time, so that each request would write one.
    if (accountDueTimes({ ...account, askedAt }, providers.rule(account.provider)).dueAt === null)
      return;
    const noted = store.accounts
      .recordAsked(account, askedAt)
      // The cached account would be recorded again.
      .then(() => this.#accounts.readNow(organisation, id))
      .catch((error: unknown) =>
        this.#deps.logger.warn({ err: error, account_id: id }, 'a use could not be recorded'),
      )
      .finally(() => this.#noting.delete(id));
    this.#noting.set(id, noted);
  }

  /** A token that cannot be decrypted counts as expired: a refresh may obtain a readable one. */
  #decide({ account, accessToken }: OpenedAccount, { minValidSeconds }: TokenUse, now: Date) {
    const rule = this.#deps.providers.rule(account.provider);
    if (accessToken !== null) return useDecision(account, rule, minValidSeconds, now);
    const expired = { ...account.current, expiresAt: new Date(0).toISOString() };
    return useDecision({ ...account, current: expired }, rule, minValidSeconds, now);
  }

  /** Reads what the answer needs, and no more: a fallback token or a log entry only where it is used. */
  async #answer(
    { account, accessToken }: OpenedAccount,
    { minValidSeconds }: TokenUse,
    source: AnswerInput['source'],
    renewal: Renewal | null,
  ): Promise<ValidToken> {
    const { providers, now } = this.#deps;
    const rule = providers.rule(account.provider);
    const input = { account, accessToken, source, minValidSeconds, rule, renewal };
    const attemptId = attemptToExplain(input, now());
    const attemptFailure = attemptId === null ? null : await this.#failureOf(account, attemptId);
    const at = now();
    const fallbackToken = usesFallback(input, at) ? this.#accounts.openFallback(account) : null;
    return tokenAnswer(input, { fallbackToken, attemptFailure }, at);
  }

  async #failureOf({ organisation }: Account, attemptId: string) {
    const entry = await this.#deps.store.logEntries.find(organisation, attemptId);
    return entry?.error ?? null;
  }

  #renew(opened: OpenedAccount, use: TokenUse, askedAt: Date): Promise<Renewed> {
    const { id } = opened.account;
    let shared = this.#renewals.get(id);
    if (shared === undefined) {
      shared = this.#renewNow(opened, use, askedAt).finally(() => this.#renewals.delete(id));
      this.#renewals.set(id, shared);
    }
    return shared;
  }

  async #renewNow(
    { account, accessToken }: OpenedAccount,
    use: TokenUse,
    askedAt: Date,
  ): Promise<Renewed> {
    let outcome: AttemptOutcome | null = null;
    let error: Error | null = null;
    const remainingMs = remainingLifeMs(account.current, this.#deps.now());
    const another =
      account.fallback !== null || (accessToken !== null && remainingMs > WAIT_WITH_ANOTHER_MS);
    const refresh = this.#deps.refreshes.refreshForUse(account, {
      source: 'api',
      caller: callerName(use.keyId),
      requestedAt: askedAt.toISOString(),
      // The token may not be due; the worker does not know that it cannot be decrypted.
      force: accessToken === null,
      minValidSeconds: use.minValidSeconds,
      capture: false,
    });
    try {
      outcome = await (another
        ? within(WAIT_WITH_ANOTHER_MS, refresh, 'The refresh is still running.')
        : refresh);
    } catch (caught) {
      error = caught instanceof Error ? caught : new Error('the refresh failed');
      if (describeError(error).code === 'internal_error')
        this.#deps.logger.error(
          { err: error, account_id: account.id },
          'the refresh for a token request failed',
        );
    }
    // The stored account decides, whatever the outcome.
    return {
      outcome,
      error,
      opened: await this.#accounts.readNow(account.organisation, account.id),
    };
  }
}

/** @throws {ServiceError} `not_found` for an absent account, and for one that the caller may not use */
function existingFor({ bounds, accountId }: TokenUse, opened: OpenedAccount | null): OpenedAccount {
  if (opened === null || !isWithin(bounds, opened.account)) throw notFound(`account ${accountId}`);
  return opened;
}
