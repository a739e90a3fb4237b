/**
 * One refresh, step by step: claim, decrypt, exchange, seal, commit, log. All sources run this and nothing else; a
 * debug run only turns capture on (R1.1). The workflow decides whether there is another.
 */
import { log } from '@temporalio/activity';
import { type Account, AccountState, type Claim, type LastAttempt } from '../domain/account';
import type { SealedGrant } from '../domain/grant';
import type { LogEntry } from '../domain/log-entry';
import {
  type AttemptOutcome,
  BEGUN_BEFORE,
  type RefreshGrantInput,
  type RefreshGrantResult,
  type Unwritten,
} from '../domain/refresh-attempt';
import { refreshFailure } from '../domain/refresh-failure';
import { dueDecision } from '../domain/refresh-policy';
import { safeError } from '../domain/safe-error';
import type { Secret } from '../domain/secret';
import { useDecision } from '../domain/token-use';
import type { Provider, ProviderEnvironment } from '../providers/provider';
import { exchangeRefreshToken } from '../providers/token-exchange';
import { isDatabaseUnavailable } from '../store/database';
import { heldBack, laneOf, permitRequest, tellLane } from './account-lane';
import {
  abandonedEntry,
  type EntryContext,
  exchangeEntry,
  recoveredEntry,
  unsentEntry,
} from './attempt-entry';
import { type AttemptSteps, completeSteps, withSteps } from './attempt-steps';
import type { ActivityDependencies } from './dependencies';
import type { ConfiguredLane, Heard } from './lane-permits';
import { logAttempt } from './log-attempt';
import { openRefreshToken, sealReceived, withSealingKey } from './seal-grant';
import { settleAttempt } from './settle-attempt';

/**
 * Less than the heartbeat time-out: a worker that slept longer between its mark and the send may have been replaced
 * meanwhile, and the one that took over may have sent.
 */
const MARK_VALID_MS = 4_000;

/** Where the attempt runs, for its log entry. */
export interface AttemptPlace {
  workflowId: string;
  runId: string;
}

/**
 * Never throws once something was sent: what happened is in the result, and what could not be written is in it too,
 * sealed. Throws where the database went away before that.
 *
 * @param steps notes its course where it is captured
 */
export async function refreshGrant(
  deps: ActivityDependencies,
  input: RefreshGrantInput,
  place: AttemptPlace,
  steps: AttemptSteps | null,
): Promise<RefreshGrantResult> {
  await deps.restoreGuard.confirm();
  const done = await claimAndRefresh(deps, input, place, steps);
  const logged = done.attempt.logEntryId === input.attemptId && done.unwritten === null;
  if (steps !== null && logged) await completeSteps(deps.store.logEntries, input.attemptId, steps);
  return done;
}

async function claimAndRefresh(
  deps: ActivityDependencies,
  input: RefreshGrantInput,
  place: AttemptPlace,
  steps: AttemptSteps | null,
): Promise<RefreshGrantResult> {
  const { request } = input;
  steps?.begin('claim', deps.now());
  const claimed = await deps.store.grants.claim({
    accountId: input.accountId,
    attemptId: input.attemptId,
    worker: deps.worker,
    source: request.source,
    now: deps.now(),
    supersedes: supersededBy(input),
    unlessAttemptedSince: input.retry ? null : new Date(request.requestedAt),
  });
  if (claimed.kind === 'absent')
    return result(input, null, { outcome: 'skipped', reason: 'deleted' });
  const { account } = claimed;
  const context: EntryContext = {
    account,
    attemptId: input.attemptId,
    source: request.source,
    caller: request.caller,
    now: deps.now(),
    steps,
    ...place,
  };
  switch (claimed.kind) {
    case 'disabled':
    case 'quarantined':
      return result(input, account, { outcome: 'skipped', reason: claimed.kind });
    case 'stale_restore': {
      // Whoever enabled it meanwhile has brought no new token.
      await deps.store.restores.markStale(account, account.generation, deps.now());
      const failure = refreshFailure('stale_restore');
      return result(input, account, { outcome: 'failed', reason: failure.code, failure });
    }
    case 'busy':
      return result(input, account, { outcome: 'busy', reason: 'claimed' });
    case 'begun_before':
      return result(input, account, { outcome: 'busy', reason: BEGUN_BEFORE });
    case 'answered':
      return shareOutcome(deps, input, context, claimed.attempt);
    case 'abandoned': {
      const settled = await settleAbandoned(deps, input, context, claimed.claim);
      return settled ?? claimAndRefresh(deps, input, place, steps);
    }
    case 'claimed':
      return refreshClaimed(deps, input, context);
  }
}

async function refreshClaimed(
  deps: ActivityDependencies,
  input: RefreshGrantInput,
  context: EntryContext,
): Promise<RefreshGrantResult> {
  const { account } = context;
  const provider = deps.providers.find(account.provider);
  const environment = provider?.environments.get(account.environment);
  if (provider === undefined || environment === undefined) {
    const failure = refreshFailure('provider_not_configured');
    return finish(deps, input, context, { entry: unsentEntry(context, failure, null) });
  }
  if (!input.retry && !input.request.force) {
    const { minValidSeconds } = input.request;
    const { due, reason } =
      minValidSeconds === undefined
        ? dueDecision(account, provider, deps.now())
        : useDecision(account, minValidSeconds, deps.now());
    if (!due) {
      await deps.store.grants.releaseNotDue(account, input.attemptId);
      return result(input, account, { outcome: 'skipped', reason });
    }
  }
  const sealed = account.current.refreshToken;
  if (sealed === null) {
    await deps.store.grants.release(account.id, input.attemptId);
    return result(input, account, { outcome: 'skipped', reason: 'no_refresh_token' });
  }
  context.steps?.begin('decrypt', deps.now());
  const opened = openRefreshToken(deps.vault, account, sealed);
  if ('failure' in opened) {
    const entry = unsentEntry(context, opened.failure, environment.tokenEndpoint.shown(account));
    return finish(deps, input, context, { entry });
  }
  const lane = laneOf(account, environment);
  const permission = await deps.permits.take(
    lane,
    permitRequest(input.request),
    account.current.expiresAt,
  );
  if ('hold' in permission) {
    await deps.store.grants.release(account.id, input.attemptId);
    const held = result(input, account, { outcome: 'skipped', ...heldBack(deps, permission) });
    return { ...held, replayRule: provider.replayRule };
  }
  return exchangeAndCommit(deps, input, context, {
    provider,
    environment,
    refreshToken: opened.refreshToken,
    lane,
    permittedAt: permission.at,
  });
}

/**
 * Logs an attempt whose worker vanished, and takes its claim away: first the record, then the claim, so that a second
 * crash in between repeats the step and loses nothing.
 * @returns the outcome if something may have been sent: whether it is replayed is the workflow's decision
 */
async function settleAbandoned(
  deps: ActivityDependencies,
  input: RefreshGrantInput,
  context: EntryContext,
  claim: Claim,
): Promise<RefreshGrantResult | null> {
  const { account } = context;
  const provider = deps.providers.find(account.provider);
  const endpoint = provider?.environments.get(account.environment)?.tokenEndpoint.shown(account);
  const entry = abandonedEntry(context, claim, endpoint ?? '<not configured>');
  if (claim.sentAt !== undefined) {
    return finish(deps, input, context, { entry, provider, sentAt: claim.sentAt });
  }
  // Whatever it has become meanwhile is looked at anew.
  if (!(await deps.store.grants.forbidSending(account.id, claim.attemptId))) return null;
  await deps.store.logEntries.record(entry);
  logAttempt(entry);
  await deps.store.grants.release(account.id, claim.attemptId);
  return null;
}

async function exchangeAndCommit(
  deps: ActivityDependencies,
  input: RefreshGrantInput,
  context: EntryContext,
  what: {
    provider: Provider;
    environment: ProviderEnvironment;
    refreshToken: Secret;
    lane: ConfiguredLane;
    permittedAt: Date;
  },
): Promise<RefreshGrantResult> {
  const { provider, environment, refreshToken, lane } = what;
  const { account, steps } = context;
  const fingerprint = deps.vault.fingerprint(refreshToken.reveal());
  const warning = provider.adapter.refreshTokenWarning(refreshToken.reveal());
  // Before anything is sent: between the answer and its commit nothing is waited for.
  const announced = await deps.store.webhookEndpoints.isWanted(
    account.organisation,
    'token.refreshed',
  );
  let grant: SealedGrant | null = null;
  steps?.begin('request', deps.now());
  const exchange = await exchangeRefreshToken(
    {
      provider,
      environment,
      account,
      refreshToken,
      capture: input.request.capture,
      mayBeSent: async () => {
        const claim = {
          accountId: account.id,
          attemptId: input.attemptId,
          generation: account.generation,
          refreshTokenFingerprint: fingerprint,
        };
        const askedAt = performance.now();
        const may = await deps.store.grants.markSending(claim, deps.now());
        if (may && performance.now() - askedAt > MARK_VALID_MS) {
          await deps.store.grants.release(account.id, input.attemptId);
          return false;
        }
        if (may) steps?.begin('response', deps.now());
        return may;
      },
      receive: (received) => {
        grant = sealReceived(deps.vault, account, received, {
          attemptId: input.attemptId,
          obtainedAt: deps.now(),
        });
      },
    },
    deps,
  );
  if (exchange.claimLost) return result(input, account, { outcome: 'busy', reason: 'claim_lost' });
  const used = {
    refreshToken: refreshToken.reveal(),
    fingerprint,
    warnings: warning === null ? [] : [warning],
  };
  const received = grant as SealedGrant | null;
  const entry = exchangeEntry(context, exchange, used, received?.expiresAt ?? null);
  const tell = () =>
    tellLane(deps, lane, { accountId: account.id, at: what.permittedAt }, exchange);
  if (received !== null) {
    // First the grant is stored; the lane can wait.
    const committed = await commit(deps, input, context, { entry, grant: received, announced });
    return withLane(committed, lane, await tell());
  }
  const heard = await tell();
  const { alone } = heard;
  const end = { entry, provider, sentAt: exchange.sentAt, alone };
  return withLane(await finish(deps, input, context, end), lane, heard);
}

function withLane(
  done: RefreshGrantResult,
  { provider, environment }: ConfiguredLane,
  { state }: Heard,
): RefreshGrantResult {
  return state === null ? done : { ...done, lane: { provider, environment, state } };
}

/** Commits a received grant; if the database is away, the workflow gets it sealed and goes on from there. */
async function commit(
  deps: ActivityDependencies,
  input: RefreshGrantInput,
  context: EntryContext,
  { entry, grant, announced }: { entry: LogEntry; grant: SealedGrant; announced: boolean },
): Promise<RefreshGrantResult> {
  const { account, steps } = context;
  const { generation } = account;
  const done = (unwritten: Unwritten | null): RefreshGrantResult => ({
    ...result(input, account, {
      outcome: entry.error === null ? 'refreshed' : 'failed',
      reason: entry.error?.code ?? 'refreshed',
      exchange: entry.outcome,
      failure: entry.error,
      generation: generation + 1,
      expiresAt: grant.expiresAt,
      logEntryId: entry.id,
    }),
    accessTokenExpiresAt: grant.expiresAt,
    rotatedTo: isRotated(account.current, grant) ? generation + 1 : null,
    unwritten,
  });
  steps?.begin('commit', deps.now());
  try {
    await deps.store.grants.commit({
      account: withSealingKey(deps.vault, account),
      generation,
      grant: deps.vault.resealGrant(grant, {
        organisation: account.organisation,
        accountId: account.id,
      }),
      source: input.request.source,
      announced,
      now: deps.now(),
    });
  } catch (error) {
    // Whatever it is: the grant exists nowhere else, and is not to end with this activity.
    if (!isDatabaseUnavailable(error)) {
      const { name, at } = safeError(error);
      log.error('a grant could not be stored; it waits, sealed, in Temporal until it can', {
        account_id: account.id,
        error_name: name,
        at,
      });
    }
    return done({ grant, generation, entry: withSteps(entry, steps) });
  }
  try {
    await record(deps, entry, steps);
    return done(null);
  } catch (error) {
    if (!isDatabaseUnavailable(error)) throw error;
    return done({ grant: null, generation, entry: withSteps(entry, steps) });
  }
}

/** Logs and settles an attempt that brought no grant. */
async function finish(
  deps: ActivityDependencies,
  input: RefreshGrantInput,
  context: EntryContext,
  end: {
    entry: LogEntry;
    provider?: Provider | undefined;
    sentAt?: Date | null;
    alone?: boolean;
  },
): Promise<RefreshGrantResult> {
  const { account, steps } = context;
  const { entry } = end;
  const failed: RefreshGrantResult = {
    ...result(input, account, {
      outcome: 'failed',
      reason: entry.error?.code ?? 'failed',
      exchange: entry.outcome,
      failure: entry.error,
      logEntryId: entry.id,
    }),
    sentAt: end.sentAt?.toISOString() ?? null,
    replayRule: end.provider?.replayRule ?? null,
  };
  try {
    // The record before the claim is cleared: a refresh token is presented again only after a recorded outcome.
    await record(deps, entry, steps);
    steps?.begin('settle', deps.now());
    const settled = await settleAttempt(deps, { account, entry, alone: end.alone ?? false });
    if (settled === 'leaf_promoted') return { ...failed, leafPromoted: true };
    // Another refresh won while this one was refused: nothing is wrong with the account.
    if (settled === 'overtaken' && entry.error?.class === 'account') {
      const current = await deps.store.grants.read(account.id);
      return result(input, current, {
        outcome: 'skipped',
        reason: 'overtaken',
        logEntryId: entry.id,
      });
    }
    return failed;
  } catch (error) {
    if (!isDatabaseUnavailable(error)) throw error;
    const unwritten = {
      grant: null,
      generation: account.generation,
      entry: withSteps(entry, steps),
    };
    return { ...failed, unwritten };
  }
}

async function record(
  deps: ActivityDependencies,
  entry: LogEntry,
  steps: AttemptSteps | null,
): Promise<void> {
  steps?.begin('log', deps.now());
  await deps.store.logEntries.record(withSteps(entry, steps));
  logAttempt(entry);
}

/** The outcome of an attempt that ended after this one was asked for: one request serves all who asked. */
async function shareOutcome(
  deps: ActivityDependencies,
  input: RefreshGrantInput,
  context: EntryContext,
  attempt: LastAttempt,
): Promise<RefreshGrantResult> {
  // The caller's own attempt that was written, but whose worker vanished before it could log or tell.
  const isOwn = [input.attemptId, ...supersededBy(input)].includes(attempt.attemptId);
  if (isOwn) await deps.store.logEntries.record(recoveredEntry(context, attempt));
  const entry = await deps.store.logEntries.read(attempt.attemptId);
  const { current, previous, generation } = context.account;
  const shared = result(input, context.account, {
    outcome: attempt.outcome,
    reason: isOwn ? (entry?.error?.code ?? attempt.outcome) : 'answered_by_another_attempt',
    exchange: entry?.outcome ?? null,
    failure: entry?.error ?? null,
    logEntryId: attempt.attemptId,
  });
  const rotatedTo = isRotated(previous, current) ? generation : null;
  if (!isOwn || !entry?.error) return { ...shared, rotatedTo };
  // What comes next is decided as it would have been.
  const { replayRule = null } = deps.providers.find(context.account.provider) ?? {};
  return { ...shared, rotatedTo, replayRule, sentAt: entry.created_at };
}

function supersededBy({ supersedes }: RefreshGrantInput): readonly string[] {
  return [supersedes ?? []].flat();
}

/** Whether the refresh token was replaced: then the one before must not be sent again. */
function isRotated(before: SealedGrant | null, after: SealedGrant): boolean {
  return (
    before !== null &&
    before.refreshTokenFingerprint !== null &&
    before.refreshTokenFingerprint !== after.refreshTokenFingerprint
  );
}

function result(
  input: RefreshGrantInput,
  account: Account | null,
  attempt: Pick<AttemptOutcome, 'outcome' | 'reason'> & Partial<AttemptOutcome>,
): RefreshGrantResult {
  const refreshable = account !== null && account.state !== AccountState.disabled;
  return {
    attempt: {
      accountId: input.accountId,
      exchange: null,
      failure: null,
      generation: account?.generation ?? null,
      expiresAt: account?.current.expiresAt ?? null,
      logEntryId: null,
      ...attempt,
    },
    accessTokenExpiresAt: refreshable ? account.current.expiresAt : null,
    sentAt: null,
    replayRule: null,
    leafPromoted: false,
    rotatedTo: null,
    unwritten: null,
  };
}
