/** Stores the outcome of an attempt: a received grant, or a failure with its effects, and the log entry. */
import { log } from '@temporalio/activity';
import type { SealedGrant } from '../domain/account/grant';
import type { LogEntry } from '../domain/logs/log-entry';
import { safeError } from '../domain/masking/safe-error';
import {
  type RefreshGrantInput,
  type RefreshGrantResult,
  type Unwritten,
} from '../domain/refresh/refresh-attempt';
import type { Provider } from '../providers/provider';
import { isDatabaseUnavailable } from '../store/mongo/unavailability';
import { type EntryContext, presentedGrant } from './attempt-entry';
import { type AttemptSteps, withSteps } from './attempt-steps';
import { measureCommit } from './count-attempt';
import type { RefreshDependencies } from './dependencies';
import { logAttempt } from './log-attempt';
import { recordFailure } from './record-failure';
import { candidateResult, isRotated, result } from './result';

/** Commits a received grant. If MongoDB is unreachable, the workflow receives it encrypted and stores it later. */
export async function commit(
  deps: RefreshDependencies,
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
    rotatedTo: isRotated(presentedGrant(context), grant) ? generation + 1 : null,
    unwritten,
  });
  steps.begin('commit', deps.now());
  try {
    const { source } = input.request;
    const outcome = await deps.store.grants.commit({
      account,
      generation,
      grant,
      source,
      announced,
      candidate: context.candidate?.fingerprint ?? null,
      now: deps.now(),
    });
    if (outcome === 'committed' && context.candidate === null)
      measureCommit(account, source, deps.now());
  } catch (error) {
    // Caught whatever the error: the grant is stored nowhere else and must outlive this activity.
    if (!isDatabaseUnavailable(error)) {
      const { name, at } = safeError(error);
      log.error(
        'MongoDB did not store a received grant; Temporal keeps it encrypted, and the workflow retries',
        {
          account_id: account.id,
          error_name: name,
          at,
        },
      );
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

/** Logs an attempt that brought no grant, and records its failure and effects. */
export async function finish(
  deps: RefreshDependencies,
  input: RefreshGrantInput,
  context: EntryContext,
  end: {
    entry: LogEntry;
    provider?: Provider | undefined;
    sentAt?: Date | null;
    backsOff?: boolean;
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
    ...candidateResult(deps, context, entry.error?.class === 'account' ? 'refused' : 'waits'),
  };
  try {
    // Log before the claim is released: a refresh token is sent again only after a recorded outcome.
    await record(deps, entry, steps);
    steps.begin('record_failure', deps.now());
    const { backsOff = false, sentAt = null } = end;
    const recorded = await recordFailure(deps, { account, entry, backsOff, sentAt });
    if (recorded === 'orphan_adopted') return { ...failed, orphanAdopted: true };
    if (recorded === 'candidate_refused' || recorded === 'candidate_waits') {
      const outcome = recorded === 'candidate_refused' ? 'refused' : 'waits';
      return { ...failed, ...candidateResult(deps, context, outcome) };
    }
    // Another refresh succeeded while this one was refused, so the account is fine.
    if (recorded === 'superseded' && entry.error?.class === 'account') {
      const current = await deps.store.grants.read(account.id);
      return result(input, current, {
        outcome: 'skipped',
        reason: 'superseded',
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
  deps: RefreshDependencies,
  entry: LogEntry,
  steps: AttemptSteps,
): Promise<void> {
  steps.begin('log', deps.now());
  await deps.store.logEntries.record(withSteps(entry, steps));
  logAttempt(entry);
}
