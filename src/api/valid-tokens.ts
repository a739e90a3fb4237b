/**
 * A token that is valid now (R3.1): from memory, else from the store, else from a refresh that all who ask at once
 * share. Where refreshing fails: the account's own token while it lives, then its fallback token (R3.2), then the
 * reason.
 */
import { type Account, AccountState } from '../domain/account';
import { remainingLifeMs } from '../domain/grant';
import { type AttemptOutcome, outcomeSentence } from '../domain/refresh-attempt';
import type { RefreshFailureCode } from '../domain/refresh-failure';
import { retryPauseMs } from '../domain/refresh-policy';
import { useDecision } from '../domain/token-use';
import type { HandoutSource } from '../store/token-handouts';
import { callerName } from './authenticator';
import type { ApiDependencies } from './dependencies';
import { apiErrorOf, notFound } from './errors';
import { type OpenedAccount, OpenedAccounts } from './opened-accounts';
import { IN_QUARANTINE } from './refreshable-account';
import { within } from './within';

/** A caller who could be given another token than the refreshed one does not wait longer for that one. */
const WAIT_WITH_ANOTHER_MS = 10_000;
/** Asked again sooner, an account that failed is not tried again. */
const RETRY_AFTER_SECONDS = 10;

export interface TokenUse {
  organisation: string;
  keyId: string;
  accountId: string;
  minValidSeconds: number;
}

/** A sentence with a code: why the token is not what was asked for, or why there is none. */
interface Trouble {
  code: string;
  message: string;
}

export type ValidToken =
  | {
      active: true;
      accessToken: string;
      accessTokenFingerprint: string;
      /** `null`: the token does not end, or it is a fallback token whose end nobody knows. */
      expiresAt: string | null;
      scopes: string[];
      source: HandoutSource;
      generation: number;
      at: Date;
      /** Set where the token ends sooner than was asked. */
      notice: Trouble | null;
    }
  | { active: false; reason: Trouble; retryAfterSeconds: number | null };

/** How a refresh for a use ended, and the account as it was read after that. */
interface Renewal {
  outcome: AttemptOutcome | null;
  /** What was thrown instead: Temporal or a worker is away, or it takes too long. */
  error: Error | null;
  opened: OpenedAccount | null;
}

export class ValidTokens {
  readonly #deps: Pick<ApiDependencies, 'store' | 'refreshes' | 'logger' | 'now'>;
  readonly #accounts: OpenedAccounts;
  readonly #renewals = new Map<string, Promise<Renewal>>();

  constructor(deps: ApiDependencies) {
    this.#deps = deps;
    this.#accounts = new OpenedAccounts(deps);
  }

  /** From memory, where there is nothing more to it than to hand out what was read a moment ago; `null`: ask. */
  recall(use: TokenUse): ValidToken | null {
    const opened = this.#accounts.cached(use.organisation, use.accountId);
    if (opened === undefined || opened.accessToken === null) return null;
    const { state, current } = opened.account;
    const at = this.#deps.now();
    const remainingMs = remainingLifeMs(current, at);
    const isFresh = remainingMs > 0 && remainingMs >= use.minValidSeconds * 1000;
    if (state !== AccountState.active || !isFresh) return null;
    return handedOut(opened.account, opened.accessToken, { source: 'memory', at, notice: null });
  }

  /** @throws {ApiError} `not_found`; whatever says that MongoDB or Temporal is away, where nothing can be handed out */
  async get(use: TokenUse): Promise<ValidToken> {
    const askedAt = this.#deps.now();
    const cached = this.#accounts.cached(use.organisation, use.accountId);
    if (cached !== undefined && this.#decide(cached, use).reason === 'fresh')
      return this.#conclude(cached, use, 'memory', null);

    let opened = await this.#accounts.read(use.organisation, use.accountId);
    if (opened === null) throw notFound(`account ${use.accountId}`);
    const { generation } = opened.account;
    let renewal: Renewal | null = null;
    // Twice, because the first may have joined a refresh that was asked for less and found nothing due.
    for (let turn = 0; turn < 2 && this.#decide(opened, use).due; turn += 1) {
      renewal = await this.#renew(opened, use, askedAt);
      if (renewal.opened === null) throw notFound(`account ${use.accountId}`);
      opened = renewal.opened;
      const { outcome } = renewal;
      if (outcome?.outcome !== 'skipped' || outcome.heldForMs !== undefined) break;
    }
    const source = opened.account.generation === generation ? 'store' : 'refresh';
    return this.#conclude(opened, use, source, renewal);
  }

  /** A token that does not open counts as ended: a refresh may bring one that does. */
  #decide({ account, accessToken }: OpenedAccount, use: TokenUse) {
    const ended = { ...account.current, expiresAt: new Date(0).toISOString() };
    return useDecision(
      accessToken === null ? { ...account, current: ended } : account,
      use.minValidSeconds,
      this.#deps.now(),
    );
  }

  #renew(opened: OpenedAccount, use: TokenUse, askedAt: Date): Promise<Renewal> {
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
  ): Promise<Renewal> {
    let outcome: AttemptOutcome | null = null;
    let error: Error | null = null;
    const remainingMs = remainingLifeMs(account.current, this.#deps.now());
    const another =
      account.fallback !== null || (accessToken !== null && remainingMs > WAIT_WITH_ANOTHER_MS);
    const refresh = this.#deps.refreshes.refreshForUse(account, {
      source: 'api',
      caller: callerName(use.keyId),
      requestedAt: askedAt.toISOString(),
      // By its clock the token may be fresh; the worker cannot see that it does not open.
      force: accessToken === null,
      minValidSeconds: use.minValidSeconds,
      capture: false,
    });
    try {
      outcome = await (another
        ? within(WAIT_WITH_ANOTHER_MS, refresh, 'The refresh goes on, but takes long.')
        : refresh);
    } catch (caught) {
      error = caught instanceof Error ? caught : new Error('a refresh failed');
    }
    // Whatever came of it, what stands in the store now is what counts.
    return {
      outcome,
      error,
      opened: await this.#accounts.readNow(account.organisation, account.id),
    };
  }

  async #conclude(
    { account, accessToken }: OpenedAccount,
    use: TokenUse,
    source: HandoutSource,
    renewal: Renewal | null,
  ): Promise<ValidToken> {
    const { current, state } = account;
    if (state === AccountState.disabled) return refused(account);
    // Nobody revoked what a restore has made stale: its access token is good until it ends.
    const servable = state === AccountState.active || account.staleRestore;
    if (!servable) return this.#fallback(account) ?? refused(account);
    const remainingMs = () => remainingLifeMs(current, this.#deps.now());
    const usable = () => accessToken !== null && remainingMs() > 0;
    const asked = remainingMs() >= use.minValidSeconds * 1000;
    const trouble = usable() && asked ? null : await this.#trouble(account, use, renewal);
    if (accessToken !== null && usable())
      return handedOut(account, accessToken, { source, at: this.#deps.now(), notice: trouble });
    const fallback = this.#fallback(account);
    if (fallback !== null) return fallback;
    if (state !== AccountState.active) return refused(account);
    if (renewal !== null && renewal.error !== null) throw renewal.error;
    return {
      active: false,
      reason: trouble ?? NO_TOKEN,
      retryAfterSeconds:
        account.quarantine || current.refreshToken === null || trouble === GRANT_UNREADABLE
          ? null
          : Math.max(
              this.#retryAfterSeconds(account),
              Math.ceil((renewal?.outcome?.heldForMs ?? 0) / 1000),
            ),
    };
  }

  #fallback(account: Account): ValidToken | null {
    const { fallback } = account;
    const at = this.#deps.now();
    if (fallback === null) return null;
    if (fallback.expiresAt !== null && Date.parse(fallback.expiresAt) <= at.getTime()) return null;
    const accessToken = this.#accounts.openFallback(account);
    if (accessToken === null) return null;
    return {
      active: true,
      accessToken,
      accessTokenFingerprint: fallback.accessTokenFingerprint,
      expiresAt: fallback.expiresAt,
      // Nobody said what it may do.
      scopes: [],
      source: 'fallback',
      generation: account.generation,
      at,
      notice: null,
    };
  }

  /** Why there is no token that lives as long as was asked. */
  async #trouble(account: Account, use: TokenUse, renewal: Renewal | null): Promise<Trouble> {
    if (account.quarantine) return { code: 'quarantined', message: IN_QUARANTINE };
    if (account.state !== AccountState.active) return reasonOf(account);
    if (renewal !== null && renewal.error !== null) {
      const { code, message } = apiErrorOf(renewal.error);
      if (code === 'internal_error') {
        this.#deps.logger.error(
          { err: renewal.error, account_id: account.id },
          'a refresh for a use failed',
        );
      }
      return { code, message };
    }
    if (account.current.refreshToken === null) return UNREADABLE;
    if (renewal?.outcome?.heldForMs !== undefined) {
      const { reason } = renewal.outcome;
      return { code: reason, message: outcomeSentence(renewal.outcome) ?? NO_TOKEN.message };
    }
    const failure = renewal?.outcome?.failure;
    // Which part of what is stored is wrong is for admins: to whoever uses tokens, all of it is one refusal.
    if (failure && DOES_NOT_OPEN.has(failure.code)) return GRANT_UNREADABLE;
    if (failure) return failure;
    const { lastAttempt } = account;
    const failed = lastAttempt?.outcome === 'failed' ? lastAttempt : null;
    const isOfThisGrant =
      failed !== null && failed.finishedAt.getTime() >= Date.parse(account.current.obtainedAt);
    if (
      !isOfThisGrant ||
      useDecision(account, use.minValidSeconds, this.#deps.now()).reason === 'fresh'
    )
      return account.current.attemptId === null ? NO_TOKEN : SHORT_LIVED;
    const entry = await this.#deps.store.logEntries.find(account.organisation, failed.attemptId);
    return entry?.error ?? account.lastError ?? NO_TOKEN;
  }

  #retryAfterSeconds({ nextAttemptAt, lastError, lastAttempt, failedAttempts }: Account): number {
    // Only what the provider asked for holds uses back longer than their own back-off.
    const told = lastError?.at.getTime() !== lastAttempt?.finishedAt.getTime();
    const own = (lastAttempt?.finishedAt.getTime() ?? 0) + retryPauseMs(failedAttempts);
    const until = told ? (nextAttemptAt?.getTime() ?? 0) : own;
    const waitMs = until - this.#deps.now().getTime();
    return Math.max(RETRY_AFTER_SECONDS, Math.ceil(waitMs / 1000));
  }
}

function handedOut(
  { current, generation }: Account,
  accessToken: string,
  how: { source: HandoutSource; at: Date; notice: Trouble | null },
): ValidToken {
  return {
    active: true,
    accessToken,
    accessTokenFingerprint: current.accessTokenFingerprint,
    expiresAt: current.expiresAt,
    scopes: current.scopes,
    source: how.source,
    generation,
    at: how.at,
    notice: how.notice,
  };
}

const SHORT_LIVED: Trouble = {
  code: 'short_lived',
  message:
    "The provider's tokens do not live as long as min_valid_seconds asks. This one is refreshed at half its life.",
};
const UNREADABLE: Trouble = {
  code: 'access_token_unreadable',
  message:
    'The stored access token cannot be opened, and there is no refresh token to get another. Check ENCRYPTION_KEYS, or connect the account again.',
};
const GRANT_UNREADABLE: Trouble = {
  code: 'grant_unreadable',
  message: 'The stored grant cannot be opened; the terminal logs of the account say why.',
};
const DOES_NOT_OPEN: ReadonlySet<string> = new Set<RefreshFailureCode>([
  'row_corrupt',
  'row_not_sealed',
  'key_missing',
  'key_mismatch',
]);
const NO_TOKEN: Trouble = {
  code: 'not_refreshed',
  message: 'The access token was not refreshed in time; the terminal logs of the account say why.',
};

function refused(account: Account): ValidToken {
  const { state, lastError } = account;
  if (state !== AccountState.disabled && lastError !== null && DOES_NOT_OPEN.has(lastError.code))
    return { active: false, reason: GRANT_UNREADABLE, retryAfterSeconds: null };
  return {
    active: false,
    reason: reasonOf(account),
    retryAfterSeconds: null,
  };
}

function reasonOf({ state, stateReason }: Account): Trouble {
  return { code: state, message: stateReason ?? 'The owner must connect the account again.' };
}
