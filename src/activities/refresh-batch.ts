/**
 * Refreshes many accounts at once, each by the same function as its own workflow would. What succeeds ends here;
 * everything else is handed on to the account's own workflow with the result of this first attempt.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ApplicationFailure, log } from '@temporalio/activity';
import { CLOSED_LANE } from '../domain/lane';
import type { AttemptOutcome, RefreshGrantResult } from '../domain/refresh-attempt';
import {
  type BatchAccount,
  type BatchProgress,
  type RefreshBatchInput,
} from '../domain/refresh-batch';
import { safeError } from '../domain/safe-error';
import { LANE_WAIT_MAX_MS } from '../domain/sweep';
import { isDatabaseUnavailable } from '../store/database';
import type { ActivityDependencies } from './dependencies';
import { refreshGrant } from './refresh-grant';

/**
 * Of a sweep's batch: with four of them at once, enough to keep a worker busy while a provider takes its time, and for
 * large groups of writes.
 */
const AT_ONCE = 100;
/** Then what is not begun is left to the next activity, so that none keeps a worker for long. */
const BEGINS_FOR_MS = 60_000;
/** Who holds an account that is taken is soon through with it. */
const BUSY_PAUSE_MS = 2_000;
const HELD_MIN_MS = 1_000;

/** Which run of a batch's activity this is. */
export interface BatchRun {
  /** The same in each try of the activity, and in no other activity. */
  id: string;
  /** From 1: those before it ended without a word. */
  attempt: number;
  /** Nothing more is to be begun. */
  stopping: AbortSignal;
}

interface Place {
  account: BatchAccount;
  attemptId: string;
  supersedes: string[];
}

/** @param progress grows while it runs; where an earlier try got to, to begin with */
export async function refreshBatch(
  deps: ActivityDependencies,
  input: RefreshBatchInput,
  run: BatchRun,
  progress: BatchProgress,
): Promise<BatchProgress> {
  return new Batch(deps, input, run, progress).refresh();
}

class Batch {
  readonly #deps: ActivityDependencies;
  readonly #input: RefreshBatchInput;
  readonly #run: BatchRun;
  readonly #progress: BatchProgress;
  readonly #away = new AbortController();
  readonly #stopping: AbortSignal;

  constructor(
    deps: ActivityDependencies,
    input: RefreshBatchInput,
    run: BatchRun,
    progress: BatchProgress,
  ) {
    this.#deps = deps;
    this.#input = input;
    this.#run = run;
    this.#progress = progress;
    // It may be back.
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
      // Whoever still has them takes long, or is gone: their own workflows wait for that.
      for (const { account } of await this.#pass(busy)) this.#own(account, null);
    }
    return this.#progress;
  }

  /** @returns those that somebody else was refreshing */
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
      const { heldForMs, outcome, reason } = result.attempt;
      if (outcome === 'busy') return 'busy';
      if (heldForMs === undefined) return this.#count(place, result);
      // Whoever waits is told so at once: for how long the lane holds, they can wait themselves.
      if (account.request !== undefined) return this.#leave(account, result.attempt);
      if (CLOSED_LANE.has(reason) || heldForMs > LANE_WAIT_MAX_MS) {
        this.#progress.closed.push(account.environment);
        continue;
      }
      await this.#pause(Math.max(heldForMs, HELD_MIN_MS));
      if (this.#stopping.aborted) return 'put_off';
    }
  }

  #count({ account, attemptId }: Place, result: RefreshGrantResult): 'through' {
    const { attempt, rotatedTo, unwritten, lane } = result;
    // The database is away: what else is begun would only add to what waits.
    if (unwritten !== null) this.#databaseIsAway();
    const plain = unwritten === null && !lane && attempt.failure === null;
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
    // One bad account never stops the others (R4.3).
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

  /** Those who wait for an account that was simply refreshed see it in the store. */
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
