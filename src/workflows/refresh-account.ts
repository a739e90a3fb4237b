/**
 * The refresh of one account. Its workflow id is the account's: whoever wants the account refreshed while one is
 * running attaches to it, so that one request serves all.
 */
import {
  ActivityFailure,
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  defineSignal,
  defineUpdate,
  getExternalWorkflowHandle,
  log,
  patched,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  sleep,
  TimeoutFailure,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities';
import {
  type AttemptOutcome,
  BEGUN_BEFORE,
  type FirstAttempt,
  type RefreshGrantResult,
  type RefreshRequest,
  type Unwritten,
} from '../domain/refresh-attempt';
import { lostPauseMs, retryPauseMs } from '../domain/refresh-policy';
import { pauseBeforeReplayMs } from '../domain/replay';
import { followLane } from './lane';
import { EvergrantGeneration, EvergrantOutcome } from './search-attributes';

/**
 * So soon a worker that has gone is replaced, within the grace that providers give a replay: where the attempt runs in
 * the workflow's own task, by the task's time-out, and otherwise by the heartbeat's.
 */
export const REPLACED_AFTER = '5s';

// One attempt is one try: each further one would present the refresh token again, and is this workflow's decision.
const ATTEMPT = { startToCloseTimeout: '60s', retry: { maximumAttempts: 1 } } as const;
const elsewhere = proxyActivities<Activities>({ ...ATTEMPT, heartbeatTimeout: REPLACED_AFTER });
/** Few need another: a first attempt in the workflow's own task costs Temporal a third less than an activity of its own. */
const inOwnTask = proxyLocalActivities<Activities>(ATTEMPT);
/** Refreshes that began before this have had their first attempt elsewhere. */
const FIRST_IN_OWN_TASK = 'first-attempt-in-own-task';
// What the database could not take is written for as long as it takes: the grant exists nowhere else.
const { persistGrant, recordAttempt } = proxyActivities<Activities>({
  startToCloseTimeout: '30s',
  heartbeatTimeout: REPLACED_AFTER,
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
});

export interface RefreshAccountInput {
  accountId: string;
  /** For people, in summaries. */
  label: string;
  request: RefreshRequest;
  /** The first attempt, where a batch has made it. */
  first?: FirstAttempt;
}

/** Asks for a refresh and answers with the outcome of the attempt under way, or of the next one. */
export const requestRefreshUpdate = defineUpdate<AttemptOutcome, [RefreshRequest]>(
  'requestRefresh',
);
/** A child tells its sweep that it goes on trying, so that the sweep need not keep its seat. */
export const goesOnSignal = defineSignal<[AttemptOutcome]>('goesOn');

export function refreshAccountWorkflowId(accountId: string): string {
  return `refresh-account/${accountId}`;
}

const BUSY_PAUSE_MS = 2_000;
/** A lane that opens within this is waited for; a longer wait is left to the next sweep. */
const HELD_MAX_MS = 120_000;
const HELD_MIN_MS = 1_000;
const INTERNAL_ERRORS_MAX = 3;

/**
 * What to do after an attempt; `wakeable`: a new request cuts the pause short; `keepsSeat`: the sweep is to begin with
 * nobody else meanwhile.
 */
type Next =
  | { again: false }
  | { again: true; pauseMs: number; wakeable: boolean; keepsSeat?: boolean };

/** What this workflow has tried. */
interface Tried {
  failures: number;
  replayed: boolean;
  /** When the first request left whose answer is missing: since then the refresh token may be spent. */
  unansweredSince: string | null;
}

/** Decides on the next attempt from how this one ended. One replay follows an unknown outcome whatever the clocks say. */
function decideNext(
  result: RefreshGrantResult,
  tried: Tried,
  { source, probe = false }: RefreshRequest,
  now: Date,
): Next {
  const { attempt } = result;
  if (result.leafPromoted) return { again: true, pauseMs: 0, wakeable: false };
  const expiresAt = new Date(result.accessTokenExpiresAt ?? 0);
  if (attempt.heldForMs !== undefined) {
    const pauseMs = Math.max(attempt.heldForMs, HELD_MIN_MS);
    // Who waits for a replay that the provider forgives goes on waiting: a sweep would not know.
    if (tried.unansweredSince !== null && now < expiresAt) {
      const allowedMs = allowedPauseMs(result, tried, expiresAt, now, pauseMs);
      return { again: true, pauseMs: allowedMs, wakeable: false };
    }
    const waits = source === 'scheduled' && !probe && !isClosed(attempt);
    return waits && pauseMs <= HELD_MAX_MS
      ? { again: true, pauseMs, wakeable: true, keepsSeat: true }
      : { again: false };
  }
  if (attempt.outcome !== 'failed' || attempt.failure === null) return { again: false };
  const whileTokenLives = (pauseMs: number, wakeable: boolean): Next => {
    const allowedMs = allowedPauseMs(result, tried, expiresAt, now, pauseMs);
    return now.getTime() + allowedMs < expiresAt.getTime()
      ? { again: true, pauseMs: allowedMs, wakeable: wakeable && allowedMs === pauseMs }
      : { again: false };
  };
  switch (attempt.failure.class) {
    case 'account':
    case 'app':
    case 'ours':
      return { again: false };
    case 'rate':
      return whileTokenLives(
        Math.max(attempt.failure.retryAfterMs ?? 0, retryPauseMs(tried.failures)),
        false,
      );
    case 'provider': {
      if (attempt.exchange === 'unknown' && !tried.replayed && result.replayRule !== null) {
        const pauseMs = allowedPauseMs(result, tried, expiresAt, now, 0);
        return { again: true, pauseMs, wakeable: false };
      }
      return whileTokenLives(retryPauseMs(tried.failures), true);
    }
  }
}

/** Whether the lane is closed for longer than is worth waiting for: what is due is swept when it opens. */
function isClosed({ reason }: AttemptOutcome): boolean {
  return reason === 'app_incident' || reason === 'provider_outage' || reason === 'quota_spent';
}

/** The pause, or a longer one where the refresh token may be spent and the provider would not forgive it so soon. */
function allowedPauseMs(
  { replayRule }: RefreshGrantResult,
  { unansweredSince }: Tried,
  expiresAt: Date,
  now: Date,
  pauseMs: number,
): number {
  if (replayRule === null || unansweredSince === null) return pauseMs;
  return pauseBeforeReplayMs(replayRule, new Date(unansweredSince), expiresAt, now, pauseMs);
}

/**
 * Refreshes one account: tries, and tries again where the failure passes and the access token still lives; otherwise
 * leaves the account to the next sweep. Ends with the last attempt's outcome, a refusal included: that is a result,
 * not a failure of the workflow.
 */
export async function refreshAccountWorkflow(input: RefreshAccountInput): Promise<AttemptOutcome> {
  let request = input.request;
  /** Asked for since the attempt under way began. */
  let wanted: RefreshRequest | null = null;
  let attempts = 0;
  // Whoever asks from now on is not answered by what ended before.
  let finished = input.first?.result ? 1 : 0;
  let outcome: AttemptOutcome | undefined;
  let ended = false;
  let rotatedTo: number | null = null;

  setHandler(requestRefreshUpdate, async (asked) => {
    const before = finished;
    // Answered by the attempt under way, or by the next one, which is then made as this request wants it.
    wanted = wanted === null || asked.force ? asked : wanted;
    // Who waits is told how it ended, also where somebody asks the workflow to cancel meanwhile.
    await CancellationScope.nonCancellable(() => condition(() => finished > before || ended));
    if (outcome === undefined) {
      throw ApplicationFailure.nonRetryable(
        'the refresh ended without an outcome',
        'internal_error',
      );
    }
    return outcome;
  });

  try {
    const tried: Tried = { failures: 0, replayed: false, unansweredSince: null };
    let { first = null } = input;
    // What a batch did not hear the end of may be taken over at once.
    let supersedes = first?.result === null ? first.attemptId : null;
    let internalErrors = 0;
    let workersLost = 0;
    for (;;) {
      const made = first?.result ?? null;
      first = null;
      attempts += 1;
      const attemptId = `${workflowInfo().runId}-${attempts}`;
      if (made === null) {
        request = wanted ?? request;
        wanted = null;
      }
      let result: RefreshGrantResult;
      try {
        // A refresh that was sent is finished, whoever cancels: its answer may hold the only valid token.
        result =
          made ??
          (await CancellationScope.nonCancellable(() =>
            attemptedWhere(attempts, request).refreshGrant.executeWithOptions(
              { summary: summaryOf(input.label, request, attempts) },
              [{ accountId: input.accountId, attemptId, supersedes, retry: finished > 0, request }],
            ),
          ));
      } catch (error) {
        const kind = failureKind(error);
        if (kind === 'internal_error' && ++internalErrors >= INTERNAL_ERRORS_MAX) {
          throw ApplicationFailure.nonRetryable(
            'the refresh failed with an internal error; see the worker log',
            kind,
          );
        }
        supersedes = attemptId;
        if (kind === 'worker_lost') workersLost += 1;
        // A worker that vanished is replaced at once, unless it is this account that it vanishes with; for the database
        // there is time.
        const pauseMs = kind === 'worker_lost' ? lostPauseMs(workersLost) : retryPauseMs(1);
        if (pauseMs > 0) await sleep(pauseMs);
        continue;
      }
      workersLost = 0;
      const { attempt } = result;
      if (result.lane) await followLane(result.lane);
      if (attempt.outcome === 'busy') {
        // The worker that had begun this very attempt was replaced, with the workflow's task.
        if (attempt.reason === BEGUN_BEFORE) supersedes = attemptId;
        else await sleep(BUSY_PAUSE_MS);
        continue;
      }
      supersedes = null;
      rotatedTo = result.rotatedTo ?? rotatedTo;
      // Somebody forced a refresh while this one found that none was due: theirs is still to be made.
      if (attempt.outcome === 'skipped' && isForced(wanted)) continue;
      outcome = attempt;
      if (result.unwritten !== null) {
        await tellSweep(outcome);
        await CancellationScope.nonCancellable(() => writeDown(input, request, result.unwritten));
      }
      if (made === null) {
        finished += 1;
        wanted = null;
      }
      if (attempt.outcome === 'failed') tried.failures += 1;
      if (attempt.exchange === 'unknown') tried.unansweredSince ??= result.sentAt;
      const next = decideNext(result, tried, request, new Date());
      if (!next.again) {
        if (made !== null && isAsked(wanted)) continue;
        break;
      }
      if (attempt.exchange === 'unknown') tried.replayed = true;
      if (next.pauseMs === 0) continue;
      if (next.keepsSeat !== true) await tellSweep(outcome);
      log.info('refresh is tried again', {
        account_id: input.accountId,
        pause_ms: next.pauseMs,
        after: attempt.reason,
      });
      await condition(() => next.wakeable && wanted !== null, next.pauseMs);
    }
    upsertSearchAttributes([
      { key: EvergrantOutcome, value: outcome.failure?.code ?? outcome.outcome },
      ...(rotatedTo === null ? [] : [{ key: EvergrantGeneration, value: rotatedTo }]),
    ]);
    return outcome;
  } finally {
    ended = true;
    await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
  }
}

/** Where an attempt is made. A debug run tells its steps with heartbeats, for which it needs an activity of its own. */
function attemptedWhere(attempt: number, { capture }: RefreshRequest) {
  return attempt === 1 && !capture && patched(FIRST_IN_OWN_TASK) ? inOwnTask : elsewhere;
}

/** Functions, because the compiler does not see that a handler assigns while this workflow waits. */
function isForced(request: RefreshRequest | null): boolean {
  return request?.force ?? false;
}
function isAsked(request: RefreshRequest | null): boolean {
  return request !== null;
}

/** Writes what the database could not take; repeated by Temporal until it can. */
async function writeDown(
  input: RefreshAccountInput,
  request: RefreshRequest,
  unwritten: Unwritten | null,
): Promise<void> {
  if (unwritten === null) return;
  const { grant, generation, entry } = unwritten;
  if (grant !== null) {
    await persistGrant.executeWithOptions({ summary: `${input.label}: keep the new grant` }, [
      { accountId: input.accountId, generation, grant, source: request.source },
    ]);
  }
  await recordAttempt.executeWithOptions({ summary: `${input.label}: log the attempt` }, [
    { entry },
  ]);
}

async function tellSweep(outcome: AttemptOutcome): Promise<void> {
  const { parent } = workflowInfo();
  if (parent === undefined) return;
  try {
    await getExternalWorkflowHandle(parent.workflowId).signal(goesOnSignal, outcome);
  } catch {
    // The sweep is over; nobody is waiting.
  }
}

function summaryOf(label: string, request: RefreshRequest, attempt: number): string {
  return `${label}: ${attempt === 1 ? 'refresh' : `try ${attempt}`} (${request.source}${request.force ? ', forced' : ''})`;
}

/** Which kind of end an activity without a result came to. Cancellation and anything unexpected is thrown on. */
function failureKind(error: unknown): 'worker_lost' | 'cannot_begin' | 'internal_error' {
  // In the workflow's own task it comes as it is.
  const failure = error instanceof ActivityFailure ? error.cause : error;
  if (failure instanceof TimeoutFailure) return 'worker_lost';
  const isOurs = failure instanceof ApplicationFailure;
  if (!isOurs && !(error instanceof ActivityFailure)) throw error;
  const type = isOurs ? failure.type : null;
  if (type === 'database_unavailable' || type === 'restore_unknown') return 'cannot_begin';
  return 'internal_error';
}
