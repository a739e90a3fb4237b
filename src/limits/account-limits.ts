/** Applies an OAuth app limiter to one account's request: acquires permission to send, and reports the outcome. */
import type { Account } from '../domain/account/account';
import type { AcquireRequest, AppLimiter, Hold, Requester } from '../domain/limits/app-limiter';
import { type Acquired, type AppOutcome, shownFailure } from '../domain/limits/limiter-outcome';
import type { ExchangeOutcome } from '../domain/logs/log-entry';
import type { HeldBack, RefreshRequest } from '../domain/refresh/refresh-attempt';
import type { RefreshFailure } from '../domain/refresh/refresh-failure';
import type { ProviderEnvironment } from '../providers/provider';
import { isDatabaseUnavailable } from '../store/mongo/unavailability';
import type { Store } from '../store/store';
import type { ConfiguredApp, Limiter, Reported } from './limiter';

export function limiterOf(account: Account, environment: ProviderEnvironment): ConfiguredApp {
  return {
    provider: account.provider,
    environment: account.environment,
    rule: environment.limits,
  };
}

export function requesterOf({ organisation, isProven }: Account): Requester {
  return { organisation, isProven };
}

export function acquireRequest(
  account: Account,
  { source, probe = false }: RefreshRequest,
): AcquireRequest {
  return {
    ...requesterOf(account),
    use: source === 'scheduled' ? 'scheduled' : 'on_demand',
    purpose: probe ? 'probe' : 'refresh',
  };
}

/** The answer for callers where the limiter refused the request: the reason, for how long, and the incident's failure. */
export function heldBack(
  { store }: { store: Store },
  { hold, limiter }: { hold: Hold; limiter: AppLimiter },
): HeldBack {
  const forMs = hold.until.getTime() - store.limiters.now().getTime();
  const isIncident = hold.reason === 'app_incident' || hold.reason === 'provider_outage';
  return {
    reason: hold.reason,
    heldForMs: Math.max(0, forMs),
    failure: isIncident ? shownFailure(limiter) : null,
  };
}

/** Reports how a refresh ended. If MongoDB is unreachable, nothing is stored; the next request reports its own outcome. */
export async function reportToLimiter(
  { appLimiter }: { appLimiter: Limiter },
  limiter: ConfiguredApp,
  { account, at }: { account: Account; at: Date },
  answer: { outcome: ExchangeOutcome; failure: RefreshFailure | null },
): Promise<Reported> {
  const outcome = appOutcomeOf(answer);
  if (outcome === null) return NOTHING_REPORTED;
  const { id: accountId, refusedAt } = account;
  const acquired: Acquired = { ...requesterOf(account), accountId, refusedAt, at };
  try {
    return await appLimiter.report(limiter, acquired, outcome);
  } catch (error) {
    if (!isDatabaseUnavailable(error)) throw error;
    return NOTHING_REPORTED;
  }
}

export const NOTHING_REPORTED: Reported = { state: null, ofAccount: 'none' };

const ANSWERED: AppOutcome = { kind: 'answered' };

/**
 * Whether the provider limits requests, by its status. Words such as Microsoft's "client request loop" refuse one account:
 * that account waits, and its retries must not hold back its organisation.
 */
function isLimit({ status }: RefreshFailure): boolean {
  return status === 429 || status === 503;
}

/** `null`: the answer says nothing about the provider or the app. */
function appOutcomeOf({
  outcome,
  failure,
}: {
  outcome: ExchangeOutcome;
  failure: RefreshFailure | null;
}): AppOutcome | null {
  if (failure === null) return outcome === 'ok' ? { kind: 'served' } : null;
  // A refusal of one account's request is neither an outage nor a limit of the app.
  if (failure.code === 'too_early' || (failure.class === 'provider' && outcome === 'rejected'))
    return ANSWERED;
  switch (failure.class) {
    case 'account':
      return outcome === 'rejected' ? { kind: 'grant_refused' } : null;
    case 'app':
    case 'provider':
      return { kind: failure.class, failure };
    case 'rate':
      return isLimit(failure) ? { kind: 'rate', waitMs: failure.retryAfterMs ?? 0 } : ANSWERED;
    case 'ours':
      return null;
  }
}
