/**
 * Refreshes many accounts at once, each with the same function as its own workflow. Plain successes finish here; every
 * other account continues in its own workflow, with the result of this first attempt.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ApplicationFailure, log } from '@temporalio/activity';
import { safeError } from '../domain/masking/safe-error';
import { heldPauseMs, isClosed } from '../domain/refresh/next-step';
import type { AttemptOutcome, RefreshGrantResult } from '../domain/refresh/refresh-attempt';
import {
  type BatchAccount,
  type BatchProgress,
  type RefreshBatchInput,
} from '../domain/refresh/refresh-batch';
import { LIMITER_WAIT_MAX_MS } from '../domain/refresh/sweep';
import type { RefreshDependencies } from '../refresh/dependencies';
import { refreshGrant } from '../refresh/refresh-grant';
import { isDatabaseUnavailable } from '../store/mongo/database';

/**
 * Concurrent refreshes per batch of a sweep. With four batches at once, enough to keep a worker busy while a provider
 * responds, and to fill bulk writes.
 */
const AT_ONCE = 100;
/** How long, in ms, an activity begins new refreshes. The next activity does the rest, so that no worker is tied up. */
const BEGINS_FOR_MS = 60_000;
/** Pause, in ms, before accounts that another worker had claimed are tried once more. */
const BUSY_PAUSE_MS = 2_000;

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
  readonly #away = new AbortController();
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
    progress.databaseAway = false;
    this.#stopping = AbortSignal.any([
      run.stopping,
      this.#away.signal,
      AbortSignal.timeout(BEGINS_FOR_MS),
    ]);
  }

  async refresh(): Promise<BatchProgress> {
    const left = new Set(this.#progress.rest);
    const all = this.#input.accounts.map((account, index) => this.#place(account, index));
    const busy = await this.#pass(all.filter(({ account }) => left.has(account.accountId)));
    if (busy.length > 0) {
      await this.#pause(BUSY_PAUSE_MS);
      // Still claimed: the other worker is slow or lost. The account's own workflow waits for it.
      for (const { account } of await this.#pass(busy)) this.#own(account, null);
    }
    return this.#progress;
  }

  /** @returns the accounts that another worker was refreshing */
  async #pass(places: readonly Place[]): Promise<Place[]> {
    const next = places.values();
    const busy: Place[] = [];
    const one = async () => {
      for (const place of next) {
        if (this.#stopping.aborted) return;
        if ((await this.#refreshOne(place)) === 'busy') busy.push(place);
      }
    };
    const isAwaited = places.some(({ account }) => account.request !== undefined);
    await Promise.all(Array.from({ length: isAwaited ? places.length : AT_ONCE }, one));
    return busy;
  }

  async #refreshOne(place: Place): Promise<'busy' | 'through' | 'put_off'> {
    const { account, attemptId, supersedes } = place;
    for (;;) {
      if (this.#progress.closed.includes(account.environment)) return this.#leave(account);
      let result: RefreshGrantResult;
      try {
        result = await refreshGrant(
          this.#deps,
          {
            accountId: account.accountId,
            attemptId,
            supersedes,
            retry: false,
            request: account.request ?? this.#input.request,
          },
          this.#input.sweep,
          null,
        );
      } catch (error) {
        return this.#failed(place, error);
      }
      const { attempt } = result;
      const { heldForMs, outcome, reason } = attempt;
      if (outcome === 'busy') return 'busy';
      if (heldForMs === undefined) return this.#count(place, result);
      // Report the hold at once; a waiting caller can decide how long to wait.
      if (account.request !== undefined) return this.#leave(account, attempt);
      // Left to the next sweep; the limit applies to one organisation, so the other accounts need not wait.
      if (reason === 'organisation_throttled') return this.#leave(account);
      if (isClosed(attempt) || heldForMs > LIMITER_WAIT_MAX_MS) {
        this.#progress.closed.push(account.environment);
        continue;
      }
      await this.#pause(heldPauseMs(heldForMs));
      if (this.#stopping.aborted) return 'put_off';
    }
  }

  #count({ account, attemptId }: Place, result: RefreshGrantResult): 'through' {
    const { attempt, rotatedTo, unwritten, limiter } = result;
    // MongoDB is unreachable; every further refresh would only add to the results that wait.
    if (unwritten !== null) this.#databaseIsAway();
    const isEarly = attempt.tooEarlyForMs !== undefined && account.request === undefined;
    const plain = unwritten === null && !limiter && attempt.failure === null && !isEarly;
    if (!plain || attempt.outcome === 'failed') {
      this.#tell(account, attempt);
      return this.#own(account, { attemptId, result });
    }
    if (attempt.outcome === 'refreshed') {
      this.#progress.refreshed += 1;
      if (rotatedTo !== null)
        this.#progress.rotated.push({ accountId: account.accountId, generation: rotatedTo });
    } else {
      this.#progress.skipped += 1;
      this.#tell(account, attempt);
    }
    return this.#through(account);
  }

  #failed({ account, attemptId }: Place, error: unknown): 'put_off' | 'through' {
    const unknown = error instanceof ApplicationFailure && error.type === 'restore_unknown';
    if (unknown || isDatabaseUnavailable(error)) {
      this.#databaseIsAway();
      return 'put_off';
    }
    // One failing account must not stop the others.
    const { name, at } = safeError(error);
    log.error('a refresh ended with an error that is ours', {
      account_id: account.accountId,
      error_name: name,
      at,
    });
    return this.#own(account, { attemptId, result: null });
  }

  #databaseIsAway(): void {
    this.#progress.databaseAway = true;
    this.#away.abort();
  }

  #leave(account: BatchAccount, held: AttemptOutcome | null = null): 'through' {
    this.#progress.left += 1;
    if (held !== null) this.#tell(account, held);
    return this.#through(account);
  }

  /** Callers see a plainly refreshed account in the store; every other outcome is reported to them. */
  #tell({ request }: BatchAccount, outcome: AttemptOutcome): void {
    if (request === undefined) return;
    this.#progress.outcomes ??= [];
    this.#progress.outcomes.push(outcome);
  }

  #own({ accountId }: BatchAccount, first: BatchProgress['own'][number]['first']): 'through' {
    this.#progress.own.push({ accountId, first });
    return this.#through({ accountId });
  }

  #through({ accountId }: Pick<BatchAccount, 'accountId'>): 'through' {
    this.#progress.rest = this.#progress.rest.filter((id) => id !== accountId);
    return 'through';
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
