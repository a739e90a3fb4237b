/** Claims the account for one attempt, and decides whether a request is sent at all. */
import { type Account, type Claim, type LastAttempt } from '../domain/account/account';
import { dueDecision, dueMoments } from '../domain/account/due-times';
import { candidateToTry } from '../domain/account/reconnect';
import { useDecision } from '../domain/account/token-use';
import {
  ALREADY_CLAIMED,
  type RefreshGrantInput,
  type RefreshGrantResult,
} from '../domain/refresh/refresh-attempt';
import { refreshFailure } from '../domain/refresh/refresh-failure';
import { replayHoldMs } from '../domain/refresh/replay';
import { acquireRequest, heldBack, limiterOf } from '../limits/account-limits';
import { accountAddressOf } from '../providers/exchange/token-endpoint';
import type { Provider } from '../providers/provider';
import { providerOf } from './account-provider';
import {
  abandonedEntry,
  type EntryContext,
  presentedGrant,
  presentedValues,
  recoveredEntry,
  unsentEntry,
} from './attempt-entry';
import { type AttemptSteps } from './attempt-steps';
import { finish } from './commit';
import type { RefreshDependencies } from './dependencies';
import { exchangeAndCommit, requesting } from './exchange';
import { logAttempt } from './log-attempt';
import { candidateResult, isRotated, result } from './result';
import { openRefreshToken } from './seal-grant';

/** The workflow that makes the attempt, for its log entry. */
export interface AttemptPlace {
  workflowId: string;
  runId: string;
}

export async function claimAndRefresh(
  deps: RefreshDependencies,
  input: RefreshGrantInput,
  place: AttemptPlace,
  steps: AttemptSteps,
): Promise<RefreshGrantResult> {
  const { request } = input;
  steps.begin('claim', deps.now());
  const claimed = await deps.store.grants.claim({
    accountId: input.accountId,
    attemptId: input.attemptId,
    worker: deps.worker,
    source: request.source,
    now: deps.now(),
    supersedes: supersededBy(input),
    unlessAttemptedSince: input.retry || request.reconnect ? null : new Date(request.requestedAt),
  });
  if (claimed.kind === 'absent')
    return result(input, null, { outcome: 'skipped', reason: 'deleted' });
  const { account } = claimed;
  steps.describe({
    'evergrant.provider': account.provider,
    'evergrant.environment': account.environment,
  });
  const context: EntryContext = {
    account,
    candidate: null,
    attemptId: input.attemptId,
    source: request.source,
    caller: request.caller,
    now: deps.now(),
    steps,
    ...place,
  };
  switch (claimed.kind) {
    case 'disabled':
    case 'disconnected':
    case 'quarantined':
      return result(input, account, { outcome: 'skipped', reason: claimed.kind });
    case 'stale_restore': {
      // An admin enabled the account in the meantime, but there is no newer token.
      await deps.store.restores.markStale(account, account.generation, deps.now());
      const failure = refreshFailure('stale_restore');
      return result(input, account, { outcome: 'failed', reason: failure.code, failure });
    }
    case 'claimed_elsewhere':
      return result(input, account, { outcome: 'claimed_elsewhere', reason: 'claimed' });
    case 'already_claimed':
      return result(input, account, { outcome: 'claimed_elsewhere', reason: ALREADY_CLAIMED });
    case 'answered':
      return shareOutcome(deps, input, context, claimed.attempt);
    case 'abandoned': {
      const { candidate } = account;
      const { refreshTokenFingerprint: presented } = claimed.claim;
      if (candidate !== null && candidate.fingerprint === presented) context.candidate = candidate;
      const recorded = await recordAbandoned(deps, input, context, claimed.claim);
      return recorded ?? claimAndRefresh(deps, input, place, steps);
    }
    case 'claimed':
      return refreshClaimed(deps, input, context);
  }
}

async function refreshClaimed(
  deps: RefreshDependencies,
  input: RefreshGrantInput,
  context: EntryContext,
): Promise<RefreshGrantResult> {
  const { account } = context;
  const { request } = input;
  context.candidate =
    input.grant === 'current' && !request.reconnect
      ? null
      : candidateToTry(account, deps.now(), request.force || input.grant === 'candidate');
  if (context.candidate === null && (request.reconnect || account.staleRestore)) {
    await deps.store.grants.release(account.id, input.attemptId);
    const reason = request.reconnect ? 'no_candidate' : 'stale_restore';
    return result(input, account, { outcome: 'skipped', reason });
  }
  const provider = providerOf(deps, account);
  const environment = provider?.environments.get(account.environment);
  if (provider === undefined || environment === undefined) {
    const failure = refreshFailure('provider_not_configured');
    return finish(deps, input, context, { entry: unsentEntry(context, failure, null) });
  }
  // A candidate is due regardless of the current grant; a retry for a candidate that was removed is not due.
  const isRetry = input.retry && input.grant !== 'candidate';
  if (context.candidate === null && !isRetry && !request.force) {
    const { minValidSeconds } = request;
    const { due, reason } =
      minValidSeconds === undefined
        ? // Ignores the candidate, which this attempt does not try and which makes no other grant due.
          dueDecision({ ...account, candidate: null }, provider, deps.now())
        : useDecision(account, provider, minValidSeconds, deps.now());
    if (!due) {
      await deps.store.grants.releaseNotDue(account, input.attemptId);
      return result(input, account, { outcome: 'skipped', reason });
    }
  }
  const early =
    context.candidate !== null || request.force ? null : tooEarly(account, provider, deps.now());
  if (early !== null) {
    await deps.store.grants.release(account.id, input.attemptId);
    return result(input, account, { outcome: 'skipped', ...early });
  }
  const { refreshToken: sealed, generation } = presentedGrant(context);
  if (sealed === null) {
    await deps.store.grants.release(account.id, input.attemptId);
    return result(input, account, { outcome: 'skipped', reason: 'no_refresh_token' });
  }
  context.steps.begin('decrypt', deps.now());
  const opened = openRefreshToken(deps.vault, account, { sealed, generation });
  if ('failure' in opened) {
    const address = accountAddressOf(account, presentedValues(context));
    const entry = unsentEntry(context, opened.failure, environment.tokenEndpoint.shown(address));
    return finish(deps, input, context, { entry });
  }
  const limiter = limiterOf(account, environment);
  const acquisition = account.hasOwnClient
    ? // The limits and the incidents of the OAuth app do not concern another client.
      { at: deps.now() }
    : await deps.appLimiter.acquire(
        limiter,
        acquireRequest(requesting(context), request),
        account.dueTimes.firstExpiryAt?.toISOString() ?? account.current.expiresAt,
      );
  if ('hold' in acquisition) {
    await deps.store.grants.release(account.id, input.attemptId);
    const held = result(input, account, { outcome: 'skipped', ...heldBack(deps, acquisition) });
    const { replayRule } = provider;
    return { ...held, replayRule, ...candidateResult(deps, context, 'waits') };
  }
  return exchangeAndCommit(deps, input, context, {
    provider,
    environment,
    refreshToken: opened.refreshToken,
    limiter,
    acquiredAt: acquisition.at,
  });
}

/** Why a due account must wait; `null` if it need not. */
function tooEarly(
  account: Account,
  provider: Provider,
  now: Date,
): { reason: string; tooEarlyForMs: number } | null {
  const beforeMs = Number(dueMoments(account, provider).notBefore) - now.getTime();
  if (beforeMs > 0) return { reason: 'not_before', tooEarlyForMs: beforeMs };
  const heldMs = replayHoldMs(provider.replayRule, account.unanswered, account.current, now);
  return heldMs > 0 ? { reason: 'replay_held', tooEarlyForMs: heldMs } : null;
}

/**
 * Logs an attempt whose worker was lost, then releases its claim. In this order, a crash in between repeats a step and
 * loses nothing.
 * @returns the outcome if a request may have been sent; the workflow then decides on a replay
 */
async function recordAbandoned(
  deps: RefreshDependencies,
  input: RefreshGrantInput,
  context: EntryContext,
  claim: Claim,
): Promise<RefreshGrantResult | null> {
  const { account } = context;
  const provider = providerOf(deps, account);
  const environment = provider?.environments.get(account.environment);
  const endpoint = environment?.tokenEndpoint.shown(accountAddressOf(account, account.current));
  const entry = abandonedEntry(context, claim, endpoint ?? '<not configured>');
  if (claim.sentAt !== undefined) {
    return finish(deps, input, context, { entry, provider, sentAt: claim.sentAt });
  }
  // The claim changed in the meantime, so the caller claims again.
  if (!(await deps.store.grants.forbidSending(account.id, claim.attemptId))) return null;
  await deps.store.logEntries.record(entry);
  logAttempt(entry);
  await deps.store.grants.release(account.id, claim.attemptId);
  return null;
}

/** The outcome of an attempt that finished after this one was requested: one request serves all callers. */
async function shareOutcome(
  deps: RefreshDependencies,
  input: RefreshGrantInput,
  context: EntryContext,
  attempt: LastAttempt,
): Promise<RefreshGrantResult> {
  // The caller's own attempt was committed, but its worker was lost before it logged or reported it.
  const isOwn = [input.attemptId, ...supersededBy(input)].includes(attempt.attemptId);
  if (isOwn) await deps.store.logEntries.record(recoveredEntry(context, attempt));
  const entry = await deps.store.logEntries.read(attempt.attemptId);
  const { candidate, current, previous, generation, lastReconnect } = context.account;
  const shared = result(input, context.account, {
    outcome: attempt.outcome,
    reason: isOwn ? (entry?.error?.code ?? attempt.outcome) : 'answered_by_another_attempt',
    exchange: entry?.outcome ?? null,
    failure: entry?.error ?? null,
    logEntryId: attempt.attemptId,
  });
  // After a reconnect, the attempt presented the candidate and not the grant that was replaced.
  const isRotation =
    lastReconnect?.logEntryId === attempt.attemptId && lastReconnect.outcome === 'accepted'
      ? lastReconnect.fingerprint !== current.refreshTokenFingerprint
      : isRotated(previous, current);
  const rotatedTo = isRotation ? generation : null;
  if (!isOwn || !entry?.error) return { ...shared, rotatedTo };
  // Returns what the lost worker would have, so that the workflow decides as it would have then.
  const { replayRule = null } = providerOf(deps, context.account) ?? {};
  const submitted = entry.diagnostics?.submitted_grant;
  const tried = candidate?.fingerprint === submitted ? candidate : null;
  const ofCandidate =
    tried === null && submitted !== undefined
      ? { candidate: { outcome: 'refused' as const, retriedUntil: entry.created_at } }
      : candidateResult(deps, { ...context, candidate: tried }, 'waits');
  return { ...shared, ...ofCandidate, rotatedTo, replayRule, sentAt: entry.created_at };
}

function supersededBy({ supersedes }: RefreshGrantInput): readonly string[] {
  return [supersedes ?? []].flat();
}
