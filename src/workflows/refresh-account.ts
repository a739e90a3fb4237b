/**
 * The refresh of one account: attempts, the pauses between them, and the replies to callers. The workflow id is derived
 * from the account, so concurrent callers attach to one workflow and one request serves them all.
 * `domain/refresh/next-step.ts` decides what follows an attempt.
 */
import {
  ActivityFailure,
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  defineSignal,
  defineUpdate,
  getExternalWorkflowHandle,
  log,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  setWorkflowOptions,
  sleep,
  TimeoutFailure,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities';
import { lostPauseMs, retryPauseMs } from '../domain/account/due-times';
import {
  decideNext,
  decideNextOfCandidate,
  nothingTried,
  type Tried,
  withAttempt,
} from '../domain/refresh/next-step';
import {
  ALREADY_CLAIMED,
  type AttemptOutcome,
  type CandidateResult,
  type FirstAttempt,
  type RefreshGrantInput,
  type RefreshGrantResult,
  type RefreshRequest,
  type Unwritten,
} from '../domain/refresh/refresh-attempt';
import { visible } from '../domain/text/visible-text';
import { followApp } from './app-limiter';
import { untilDatabaseIsBack } from './database-outage';
import { EvergrantGeneration, EvergrantOutcome } from './search-attributes';
import { pinnedToItsVersion } from './versioning';

/**
 * How soon a lost worker is replaced: within the provider's grace period for a replayed refresh token. It is the
 * workflow task's timeout if the attempt runs in the task, and the attempt's heartbeat timeout if it runs elsewhere.
 */
export const REPLACED_AFTER = '5s';

// No retries by Temporal: each attempt sends the refresh token again, so the workflow decides.
const ATTEMPT = { startToCloseTimeout: '60s', retry: { maximumAttempts: 1 } } as const;
const elsewhere = proxyActivities<Activities>({ ...ATTEMPT, heartbeatTimeout: REPLACED_AFTER });
/** Few refreshes need a second attempt: making the first a local activity cuts Temporal's load by a third. */
const inOwnTask = proxyLocalActivities<Activities>(ATTEMPT);
// Retried until MongoDB accepts the grant, which is stored nowhere else; with short pauses, because callers wait.
const { persistGrant, recordAttempt } = proxyActivities<Activities>({
  startToCloseTimeout: '30s',
  heartbeatTimeout: REPLACED_AFTER,
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '5s' },
});

export interface RefreshAccountInput {
  accountId: string;
  /** For people, in summaries. */
  label: string;
  request: RefreshRequest;
  /** The first attempt, if a batch has made it. */
  first?: FirstAttempt;
  /** Set when the workflow continues as new. */
  state?: RefreshState;
}

/** Requests a refresh. The result is the outcome of the running attempt, or of the next one. */
export const requestRefreshUpdate = defineUpdate<AttemptOutcome, [RefreshRequest]>(
  'requestRefresh',
);
/** Tells the parent sweep that this child keeps retrying, so that the sweep can give its slot to another account. */
export const retryingSignal = defineSignal<[AttemptOutcome]>('retrying');

export function refreshAccountWorkflowId(accountId: string): string {
  return `refresh-account/${accountId}`;
}

/** Pause, in ms, before the next attempt on an account that another worker is refreshing. */
const CLAIMED_PAUSE_MS = 2_000;
/** The workflow fails after this many internal errors. */
const INTERNAL_ERRORS_MAX = 3;
/** Events in the history after which the workflow continues as new. */
const HISTORY_EVENTS_MAX = 800;
/** How long, in ms, callers wait through an outage of MongoDB. Must be below the API's timeout of one minute. */
const CALLERS_WAIT_MS = 50_000;

const NOT_SENT =
  'MongoDB is unreachable, so nothing was sent to the provider. The refresh continues as soon as MongoDB is reachable again.';
const NOT_STORED =
  'MongoDB is unreachable, so the result of the refresh waits in Temporal. It is stored as soon as MongoDB is reachable again.';

/** The rest of a pause between two attempts with the current grant, which a reconnect interrupted. */
interface Interrupted {
  until: number;
  interruptible: boolean;
  request: RefreshRequest;
}

/** The state between two attempts, also passed on when the workflow continues as new. */
interface RefreshState {
  /** The request that the latest attempt serves. */
  request: RefreshRequest;
  /** A request that arrived after that attempt began; the next attempt serves it. */
  requested: RefreshRequest | null;
  /** A request to refresh the account whatever the result of the candidate grant. */
  ordinary: RefreshRequest | null;
  attempts: number;
  /** Attempts whose outcome callers have received. */
  finished: number;
  outcome: AttemptOutcome | null;
  rotatedTo: number | null;
  tried: Tried;
  triedCandidate: Tried;
  /** Absent: the candidate if it is due, otherwise the current grant. */
  grant?: RefreshGrantInput['grant'];
  interrupted: Interrupted | null;
  /** The next attempt is not a retry of the previous one. */
  startsAfresh: boolean;
  /** The id of an attempt with an unknown outcome, whose claim the next attempt takes over. */
  supersedes: string | null;
  internalErrors: number;
  /** Consecutive attempts whose worker was lost. */
  workersLost: number;
  /** Consecutive attempts that could not begin. */
  notBegun: number;
  /** The trace that an earlier attempt began; retries of a request without a trace continue it. */
  trace?: string;
}

/** The result of a reconnect request for which no candidate was waiting. */
const NO_CANDIDATE: CandidateResult = { outcome: 'refused', retriedUntil: '' };

/**
 * Refreshes one account. Retries transient failures while the access token is valid, then leaves the account to the
 * next sweep. Completes with the last attempt's outcome; a refusal is a result and does not fail the workflow.
 */
export async function refreshAccountWorkflow(input: RefreshAccountInput): Promise<AttemptOutcome> {
  return new AccountRefresh(input).run();
}

setWorkflowOptions(pinnedToItsVersion, refreshAccountWorkflow);

class AccountRefresh {
  readonly #input: RefreshAccountInput;
  readonly #state: RefreshState;
  /** An attempt that a batch has made, until it is processed. */
  #first: RefreshGrantResult | null;
  #ended = false;
  /** Why callers are refused at present; `null` if they are not. */
  #refusal: string | null = null;

  constructor(input: RefreshAccountInput) {
    this.#input = input;
    this.#state = input.state ?? firstState(input);
    this.#first = input.first?.result ?? null;
  }

  async run(): Promise<AttemptOutcome> {
    // A rejected update adds no event, so that callers who retry through a long outage do not grow the history.
    setHandler<AttemptOutcome, [RefreshRequest], typeof requestRefreshUpdate>(
      requestRefreshUpdate,
      (request) => this.#answer(request),
      {
        validator: () => {
          if (this.#refusal !== null) throw databaseUnavailable(this.#refusal);
        },
      },
    );
    try {
      while (await this.#attempt()) await this.#continueIfGrown();
      const { outcome, rotatedTo } = this.#state;
      if (outcome === null) throw endedWithoutOutcome();
      upsertSearchAttributes([
        { key: EvergrantOutcome, value: outcome.failure?.code ?? outcome.outcome },
        ...(rotatedTo === null ? [] : [{ key: EvergrantGeneration, value: rotatedTo }]),
      ]);
      return outcome;
    } finally {
      this.#ended = true;
      await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
    }
  }

  /** Returns the outcome of the running attempt, or of the next one, which then serves this request. */
  async #answer(request: RefreshRequest): Promise<AttemptOutcome> {
    const state = this.#state;
    const before = state.finished;
    if (state.requested === null || request.force) state.requested = request;
    const isOrdinary = request.reconnect !== true;
    if (isOrdinary && (state.ordinary === null || request.force)) state.ordinary = request;
    const isAnswered = () => state.finished > before || this.#ended;
    // Callers receive the outcome even if an operator cancels the workflow in the meantime.
    await CancellationScope.nonCancellable(() =>
      condition(() => isAnswered() || this.#refusal !== null),
    );
    if (!isAnswered()) throw databaseUnavailable(this.#refusal ?? NOT_SENT);
    if (state.outcome === null) throw endedWithoutOutcome();
    return state.outcome;
  }

  /** @returns whether another attempt follows */
  async #attempt(): Promise<boolean> {
    const made = this.#first;
    this.#first = null;
    this.#state.attempts += 1;
    const result = made ?? (await this.#send());
    return result === null || this.#followUp(result, made !== null);
  }

  /** @returns `null` if the outcome is unknown, or the attempt never began */
  async #send(): Promise<RefreshGrantResult | null> {
    const state = this.#state;
    state.request = state.requested ?? state.request;
    state.requested = null;
    const { attempts, supersedes, grant } = state;
    const request = withTrace(state.request, state.trace);
    const { accountId, label } = this.#input;
    const attemptId = this.#attemptId();
    const retry = state.finished > 0 && !state.startsAfresh;
    // A debug run reports its steps through heartbeats, which local activities do not have.
    const where = attempts === 1 && !request.capture ? inOwnTask : elsewhere;
    try {
      // A sent refresh completes even if the workflow is cancelled: the response may hold the only valid token.
      const result = await CancellationScope.nonCancellable(() =>
        where.refreshGrant.executeWithOptions({ summary: summaryOf(label, request, attempts) }, [
          {
            accountId,
            attemptId,
            supersedes,
            retry,
            ...(grant === undefined ? {} : { grant }),
            request,
          },
        ]),
      );
      Object.assign(state, { workersLost: 0, notBegun: 0 });
      return result;
    } catch (error) {
      const kind = failureKind(error);
      if (kind === 'internal_error' && ++state.internalErrors >= INTERNAL_ERRORS_MAX) {
        throw ApplicationFailure.nonRetryable(
          'the refresh failed with an internal error; see the worker log',
          kind,
        );
      }
      state.supersedes = attemptId;
      await this.#recover(kind);
      return null;
    }
  }

  async #recover(kind: FailureKind): Promise<void> {
    const state = this.#state;
    switch (kind) {
      case 'internal_error':
        return sleep(retryPauseMs(1));
      case 'worker_lost': {
        // Replace a lost worker at once, unless workers are repeatedly lost on this account.
        state.workersLost += 1;
        const pauseMs = lostPauseMs(state.workersLost);
        if (pauseMs > 0) await sleep(pauseMs);
        return;
      }
      case 'cannot_begin':
        state.notBegun += 1;
        await this.#keepCallersInformed(
          NOT_SENT,
          untilDatabaseIsBack(this.#input.label, state.notBegun),
        );
    }
  }

  /**
   * Processes the result of an attempt, and waits for the next one.
   * @param isMade whether a batch made the attempt; callers of this workflow then wait for the next one
   * @returns whether another attempt follows
   */
  async #followUp(result: RefreshGrantResult, isMade: boolean): Promise<boolean> {
    const state = this.#state;
    const { attempt } = result;
    if (result.limiter) await followApp(result.limiter);
    if (attempt.outcome === 'claimed_elsewhere') {
      // The worker that began this attempt was lost, along with the workflow task.
      if (attempt.reason === ALREADY_CLAIMED) state.supersedes = this.#attemptId();
      else await sleep(CLAIMED_PAUSE_MS);
      return true;
    }
    state.supersedes = null;
    if (result.trace !== undefined) state.trace = result.trace;
    state.rotatedTo = result.rotatedTo ?? state.rotatedTo;
    // A caller forced a refresh while this attempt found that none was due; the forced refresh is still to be made.
    if (attempt.outcome === 'skipped' && state.requested?.force === true) return true;
    state.outcome = attempt;
    if (result.unwritten !== null) await this.#write(result.unwritten);
    const hadNoCandidate = state.request.reconnect === true && attempt.outcome === 'skipped';
    const candidate = result.candidate ?? (hadNoCandidate ? NO_CANDIDATE : undefined);
    return candidate === undefined
      ? this.#followCurrent(result, isMade)
      : this.#followCandidate(result, candidate, isMade);
  }

  async #followCandidate(
    result: RefreshGrantResult,
    candidate: CandidateResult,
    isMade: boolean,
  ): Promise<boolean> {
    const state = this.#state;
    const tried = withAttempt(state.triedCandidate, result);
    const step = decideNextOfCandidate({ result, candidate, tried, now: new Date() });
    const isCurrentWanted = state.interrupted !== null || state.ordinary !== null;
    if (step.retrying && (step.isReplay || !isCurrentWanted)) {
      state.triedCandidate = { ...tried, replayed: tried.replayed || step.isReplay };
      state.grant = 'candidate';
      this.#answerCallers(isMade);
      await tellSweep(result.attempt);
      await condition(() => step.interruptible && state.requested !== null, step.pauseMs);
      if (!step.isReplay && state.ordinary !== null) {
        delete state.grant;
        state.startsAfresh = true;
      }
      return true;
    }
    state.triedCandidate = nothingTried();
    state.grant = 'current';
    const { interrupted } = state;
    if (interrupted === null && state.ordinary !== null) {
      // The candidate has not changed the current grant, which callers still want refreshed.
      state.requested = state.ordinary;
      state.startsAfresh = true;
      return true;
    }
    this.#endAttempt(isMade);
    if (interrupted === null) return false;
    state.request = interrupted.request;
    await this.#pause(interrupted.until, interrupted.interruptible);
    return true;
  }

  async #followCurrent(result: RefreshGrantResult, isMade: boolean): Promise<boolean> {
    const state = this.#state;
    this.#endAttempt(isMade);
    const { request } = state;
    const tried = withAttempt(state.tried, result);
    const step = decideNext({ result, tried, request, now: new Date() });
    state.tried = { ...tried, replayed: tried.replayed || (step.retrying && step.isReplay) };
    if (!step.retrying) return isMade && state.requested !== null;
    state.grant = 'current';
    if (step.pauseMs === 0) return true;
    if (!step.holdsSlot) await tellSweep(result.attempt);
    log.info('the refresh waits for its next attempt', {
      account_id: this.#input.accountId,
      pause_ms: step.pauseMs,
      after: result.attempt.reason,
    });
    await this.#pause(Date.now() + step.pauseMs, step.interruptible);
    return true;
  }

  #endAttempt(isMade: boolean): void {
    this.#state.startsAfresh = false;
    this.#state.ordinary = null;
    this.#answerCallers(isMade);
  }

  /** Marks the attempt as finished, so that an update that arrives now waits for the next attempt. */
  #answerCallers(isMade: boolean): void {
    if (isMade) return;
    this.#state.finished += 1;
    this.#state.requested = null;
  }

  /** Waits between two attempts with the current grant. Keeps the rest of the pause if a reconnect interrupts it. */
  async #pause(until: number, interruptible: boolean): Promise<void> {
    const state = this.#state;
    state.interrupted = null;
    const pauseMs = until - Date.now();
    if (pauseMs <= 0) return;
    const { request } = state;
    const isReconnect = () => state.requested?.reconnect === true;
    await condition(() => (interruptible && state.requested !== null) || isReconnect(), pauseMs);
    if (isReconnect()) state.interrupted = { until, interruptible, request };
  }

  /** Stores what MongoDB could not accept before. */
  async #write(unwritten: Unwritten): Promise<void> {
    if (this.#state.outcome !== null) await tellSweep(this.#state.outcome);
    await CancellationScope.nonCancellable(() =>
      this.#keepCallersInformed(NOT_STORED, write(this.#input, this.#state.request, unwritten)),
    );
  }

  /** Lets callers wait through a short outage of MongoDB, and refuses them in a longer one until the work is done. */
  async #keepCallersInformed(refusal: string, work: Promise<void>): Promise<void> {
    let isDone = false;
    const refuseLater = async () => {
      await condition(() => isDone, CALLERS_WAIT_MS);
      if (!isDone) this.#refusal = refusal;
    };
    void CancellationScope.nonCancellable(refuseLater);
    try {
      await work;
    } finally {
      isDone = true;
      this.#refusal = null;
    }
  }

  #attemptId(): string {
    return `${workflowInfo().runId}-${this.#state.attempts}`;
  }

  async #continueIfGrown(): Promise<void> {
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    if (!continueAsNewSuggested && historyLength <= HISTORY_EVENTS_MAX) return;
    // Pending updates would be lost with this run; continue as new in a later turn.
    if (!allHandlersFinished()) return;
    const { accountId, label, request } = this.#input;
    const state = this.#state;
    await continueAsNew<typeof refreshAccountWorkflow>({ accountId, label, request, state });
  }
}

function firstState({ request, first }: RefreshAccountInput): RefreshState {
  return {
    request,
    requested: null,
    ordinary: request.reconnect === true ? null : request,
    attempts: 0,
    finished: first?.result ? 1 : 0,
    outcome: null,
    rotatedTo: null,
    tried: nothingTried(),
    triedCandidate: nothingTried(),
    interrupted: null,
    startsAfresh: false,
    // The outcome of the batch's attempt is unknown, so its claim may be taken over at once.
    supersedes: first?.result === null ? first.attemptId : null,
    internalErrors: 0,
    workersLost: 0,
    notBegun: 0,
  };
}

function withTrace(request: RefreshRequest, trace: string | undefined): RefreshRequest {
  return trace === undefined || request.trace !== undefined ? request : { ...request, trace };
}

/** Temporal retries until MongoDB accepts the write, for days if necessary. */
async function write(
  { accountId, label }: RefreshAccountInput,
  { source }: RefreshRequest,
  { grant, generation, entry }: Unwritten,
): Promise<void> {
  const candidate = entry.diagnostics?.submitted_grant;
  if (grant !== null) {
    await persistGrant.executeWithOptions({ summary: `${visible(label)}: store the new grant` }, [
      {
        accountId,
        generation,
        grant,
        source,
        ...(candidate === undefined ? {} : { candidate }),
      },
    ]);
  }
  await recordAttempt.executeWithOptions({ summary: `${visible(label)}: log the attempt` }, [
    { entry },
  ]);
}

async function tellSweep(outcome: AttemptOutcome): Promise<void> {
  const { parent } = workflowInfo();
  if (parent === undefined) return;
  try {
    await getExternalWorkflowHandle(parent.workflowId).signal(retryingSignal, outcome);
  } catch {
    // The sweep has completed.
  }
}

function summaryOf(label: string, request: RefreshRequest, attempt: number): string {
  const what = request.reconnect ? 'reconnect' : 'refresh';
  return `${visible(label)}: ${attempt === 1 ? what : `attempt ${attempt}`} (${request.source}${request.force ? ', forced' : ''})`;
}

function databaseUnavailable(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, 'database_unavailable');
}

function endedWithoutOutcome(): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    "The refresh ended without a result. Try again, and see the workflow's history.",
    'internal_error',
  );
}

type FailureKind = 'worker_lost' | 'cannot_begin' | 'internal_error';

/** Why an activity has no result. Rethrows cancellations and unexpected errors. */
function failureKind(error: unknown): FailureKind {
  // A local activity's failure arrives unwrapped.
  const failure = error instanceof ActivityFailure ? error.cause : error;
  if (failure instanceof TimeoutFailure) return 'worker_lost';
  const isOurs = failure instanceof ApplicationFailure;
  if (!isOurs && !(error instanceof ActivityFailure)) throw error;
  const type = isOurs ? failure.type : null;
  if (type === 'database_unavailable' || type === 'restore_unknown') return 'cannot_begin';
  return 'internal_error';
}
