/**
 * Refreshes many accounts at once, each with the same function as its own workflow. Plain successes finish here; every
 * other account continues in its own workflow, with the result of this first attempt.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ApplicationFailure, log } from '@temporalio/activity';
import { safeError } from '../domain/masking/safe-error';
import { heldPauseMs, isCircuitOpen } from '../domain/refresh/next-step';
import type { AttemptOutcome, RefreshGrantResult } from '../domain/refresh/refresh-attempt';
import {
  type BatchAccount,
  type BatchProgress,
  type RefreshBatchInput,
} from '../domain/refresh/refresh-batch';
import { LIMITER_WAIT_MAX_MS } from '../domain/refresh/sweep';
import { AttemptSteps } from '../refresh/attempt-steps';
import type { RefreshDependencies } from '../refresh/dependencies';
import { refreshGrant } from '../refresh/refresh-grant';
import { isDatabaseUnavailable } from '../store/mongo/unavailability';

/**
 * Concurrent refreshes per batch of a sweep. With four batches at once, enough to keep a worker busy while a provider
 * responds, and to fill bulk writes.
 */
const AT_ONCE = 100;
/** How long, in ms, an activity begins new refreshes. The next activity does the rest, so that no worker is tied up. */
const BEGINS_FOR_MS = 60_000;
/** Pause, in ms, before accounts that another worker had claimed are tried once more. */
const CLAIMED_PAUSE_MS = 2_000;

/** One run of a batch's activity. */
export interface BatchRun {
  /** The same for every attempt of this activity, and unique to it. */
  id: string;
  /** From 1; earlier attempts ended without a result. */
  attempt: number;
  /** When aborted, no further refresh begins. */
  stopping: AbortSignal;
}

interface Place {
  account: BatchAccount;
  attemptId: string;
  supersedes: string[];
}

/** @param progress updated in place; initially the last heartbeat of an earlier attempt */
export async function refreshBatch(
  deps: RefreshDependencies,
  input: RefreshBatchInput,
  run: BatchRun,
  progress: BatchProgress,
): Promise<BatchProgress> {
  return new Batch(deps, input, run, progress).refresh();
}

class Batch {
  readonly #deps: RefreshDependencies;
  readonly #input: RefreshBatchInput;
  readonly #run: BatchRun;
  readonly #progress: BatchProgress;
  readonly #unreachable = new AbortController();
  readonly #stopping: AbortSignal;

  constructor(
    deps: RefreshDependencies,
    input: RefreshBatchInput,
    run: BatchRun,
    progress: BatchProgress,
  ) {
    this.#deps = deps;
    this.#input = input;
    this.#run = run;
    this.#progress = progress;
    // MongoDB may be reachable again.
    progress.databaseUnreachable = false;
    this.#stopping = AbortSignal.any([
      run.stopping,
      this.#unreachable.signal,
      AbortSignal.timeout(BEGINS_FOR_MS),
    ]);
  }

  async refresh(): Promise<BatchProgress> {
    const left = new Set(this.#progress.remaining);
    const all = this.#input.accounts.map((account, index) => this.#place(account, index));
    const elsewhere = await this.#pass(all.filter(({ account }) => left.has(account.accountId)));
    if (elsewhere.length > 0) {
      await this.#pause(CLAIMED_PAUSE_MS);
      // Still claimed: the other worker is slow or lost. The account's own workflow waits for it.
      for (const { account } of await this.#pass(elsewhere)) this.#fallBack(account, null);
    }
    return this.#progress;
  }

  /** @returns the accounts that another worker was refreshing */
  async #pass(places: readonly Place[]): Promise<Place[]> {
    const next = places.values();
    const elsewhere: Place[] = [];
    const one = async () => {
      for (const place of next) {
        if (this.#stopping.aborted) return;
        if ((await this.#refreshOne(place)) === 'claimed_elsewhere') elsewhere.push(place);
      }
    };
    const isAwaited = places.some(({ account }) => account.request !== undefined);
    await Promise.all(Array.from({ length: isAwaited ? places.length : AT_ONCE }, one));
    return elsewhere;
  }

  async #refreshOne(place: Place): Promise<'claimed_elsewhere' | 'done' | 'put_off'> {
    const { account, attemptId, supersedes } = place;
    let request = account.request ?? this.#input.request;
    for (;;) {
      if (this.#progress.openEnvironments.includes(account.environment))
        return this.#defer(account);
      let result: RefreshGrantResult;
      try {
        result = await refreshGrant(
          this.#deps,
          {
            accountId: account.accountId,
            attemptId,
            supersedes,
            retry: false,
            request,
          },
          this.#input.sweep,
          new AttemptSteps(null),
        );
      } catch (error) {
        return this.#failed(place, error);
      }
      const { attempt } = result;
      const { heldForMs, outcome, reason } = attempt;
      if (outcome === 'claimed_elsewhere') return 'claimed_elsewhere';
      if (heldForMs === undefined) return this.#count(place, result);
      if (result.trace !== undefined) request = { ...request, trace: result.trace };
      // Report the hold at once; a waiting caller can decide how long to wait.
      if (account.request !== undefined) return this.#defer(account, attempt);
      // Left to the next sweep; the limit applies to one organisation, so the other accounts need not wait.
      if (reason === 'organisation_throttled') return this.#defer(account);
      if (isCircuitOpen(attempt) || heldForMs > LIMITER_WAIT_MAX_MS) {
        this.#progress.openEnvironments.push(account.environment);
        continue;
      }
      await this.#pause(heldPauseMs(heldForMs));
      if (this.#stopping.aborted) return 'put_off';
    }
  }

  #count({ account, attemptId }: Place, result: RefreshGrantResult): 'done' {
    const { attempt, rotatedTo, unwritten, limiter } = result;
    // MongoDB is unreachable; every further refresh would only add to the results that wait.
    if (unwritten !== null) this.#databaseIsUnreachable();
    const isEarly = attempt.tooEarlyForMs !== undefined && account.request === undefined;
    const plain = unwritten === null && !limiter && attempt.failure === null && !isEarly;
    if (!plain || attempt.outcome === 'failed') {
      this.#report(account, attempt);
      return this.#fallBack(account, { attemptId, result });
    }
    if (attempt.outcome === 'refreshed') {
      this.#progress.refreshed += 1;
      if (rotatedTo !== null)
        this.#progress.rotated.push({ accountId: account.accountId, generation: rotatedTo });
    } else {
      this.#progress.skipped += 1;
      this.#report(account, attempt);
    }
    return this.#done(account);
  }

  #failed({ account, attemptId }: Place, error: unknown): 'put_off' | 'done' {
    const unknown = error instanceof ApplicationFailure && error.type === 'restore_unknown';
    if (unknown || isDatabaseUnavailable(error)) {
      this.#databaseIsUnreachable();
      return 'put_off';
    }
    // One failing account must not stop the others.
    const { name, at } = safeError(error);
    log.error('a refresh failed with an internal error', {
      account_id: account.accountId,
      error_name: name,
      at,
    });
    return this.#fallBack(account, { attemptId, result: null });
  }

  #databaseIsUnreachable(): void {
    this.#progress.databaseUnreachable = true;
    this.#unreachable.abort();
  }

  #defer(account: BatchAccount, held: AttemptOutcome | null = null): 'done' {
    this.#progress.deferred += 1;
    if (held !== null) this.#report(account, held);
    return this.#done(account);
  }

  /** Callers see a plainly refreshed account in the store; every other outcome is reported to them. */
  #report({ request }: BatchAccount, outcome: AttemptOutcome): void {
    if (request === undefined) return;
    this.#progress.outcomes ??= [];
    this.#progress.outcomes.push(outcome);
  }

  #fallBack(
    { accountId }: BatchAccount,
    first: BatchProgress['fallback'][number]['first'],
  ): 'done' {
    this.#progress.fallback.push({ accountId, first });
    return this.#done({ accountId });
  }

  #done({ accountId }: Pick<BatchAccount, 'accountId'>): 'done' {
    this.#progress.remaining = this.#progress.remaining.filter((id) => id !== accountId);
    return 'done';
  }

  #place(account: BatchAccount, index: number): Place {
    const { id, attempt } = this.#run;
    const attemptId = (number: number) => `${id}-${index}-${number}`;
    const supersedes = Array.from({ length: attempt - 1 }, (_, before) => attemptId(before + 1));
    return { account, attemptId: attemptId(attempt), supersedes };
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stopping }).catch(() => undefined);
  }
}
