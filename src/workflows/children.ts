/** The refresh workflows that a sweep, or a batch of one, has started: how many there are, and what they came to. */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ChildWorkflowFailure,
  condition,
  ParentClosePolicy,
  startChild,
} from '@temporalio/workflow';
import { CLOSED_LANE } from '../domain/lane';
import type { AttemptOutcome, FirstAttempt, RefreshRequest } from '../domain/refresh-attempt';
import type { RefreshCounts } from '../domain/refresh-batch';
import type { DueAccount } from '../domain/sweep';
import {
  REPLACED_AFTER,
  refreshAccountWorkflow,
  refreshAccountWorkflowId,
} from './refresh-account';
import {
  EvergrantAccount,
  EvergrantOrg,
  EvergrantProvider,
  EvergrantSource,
} from './search-attributes';

/** So many at once: the provider's and our own load has a bound, whatever is due. */
export const WINDOW = 40;
/** A child that neither ends nor says that it goes on is not waited for for ever. */
const DRAIN_MAX = '10 minutes';

export class Children {
  running = 0;
  /** Environments whose lane is closed: nothing more is sent there in this sweep. */
  readonly closed = new Set<string>();
  readonly provider: string;
  readonly counts: RefreshCounts;
  readonly #openAt = new Map<string, number>();
  /** By account: gives the seat of a child back that goes on trying. */
  readonly #seats = new Map<string, (outcome: AttemptOutcome) => void>();

  /** @param counts what is counted into */
  constructor(provider: string, counts: RefreshCounts) {
    this.provider = provider;
    this.counts = counts;
  }

  /** How long the provider still asks to wait there. */
  waitMs(environment: string): number {
    return (this.#openAt.get(environment) ?? 0) - Date.now();
  }

  #wait(environment: string, ms: number): void {
    const at = Math.max(this.#openAt.get(environment) ?? 0, Date.now() + ms);
    this.#openAt.set(environment, at);
  }

  goesOn(outcome: AttemptOutcome): void {
    this.#seats.get(outcome.accountId)?.(outcome);
  }

  /**
   * Refreshes one account and counts how it ended; never throws.
   * @param first an attempt that was made already
   */
  async refresh(
    account: DueAccount,
    request: RefreshRequest,
    first: FirstAttempt | null = null,
  ): Promise<void> {
    const { accountId, label, organisation } = account;
    this.running += 1;
    // Before the child is started: its word may come with the very news of its start.
    const goesOn = new Promise<void>((giveBack) => {
      this.#seats.set(accountId, (outcome) => giveBack(this.#count(account, outcome, true)));
    });
    try {
      const child = await startChild(refreshAccountWorkflow, {
        workflowId: refreshAccountWorkflowId(accountId),
        args: [{ accountId, label, request, ...(first === null ? {} : { first }) }],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        workflowTaskTimeout: REPLACED_AFTER,
        staticSummary: `Refresh ${label} (${this.provider})`,
        typedSearchAttributes: [
          { key: EvergrantProvider, value: this.provider },
          { key: EvergrantAccount, value: accountId },
          { key: EvergrantOrg, value: organisation },
          { key: EvergrantSource, value: request.source },
        ],
      });
      const ended = child.result().then(
        (outcome) => this.#count(account, outcome, false),
        (error: unknown) => (this.#seats.delete(accountId) ? this.#countBroken(error) : undefined),
      );
      await Promise.race([goesOn, ended]);
    } catch (error) {
      this.#seats.delete(accountId);
      if (error instanceof WorkflowExecutionAlreadyStartedError) this.counts.in_flight += 1;
      else this.#countBroken(error);
    } finally {
      this.running -= 1;
    }
  }

  /** Waits for those that are under way; those that do not end are counted as in flight. */
  async drain(): Promise<void> {
    if (!(await condition(() => this.running === 0, DRAIN_MAX)))
      this.counts.in_flight += this.running;
  }

  #count({ environment }: DueAccount, outcome: AttemptOutcome, goesOn: boolean): void {
    if (!this.#seats.delete(outcome.accountId)) return;
    const { counts } = this;
    const { failure, heldForMs } = outcome;
    if (heldForMs !== undefined) {
      counts.left += 1;
      if (CLOSED_LANE.has(outcome.reason)) this.closed.add(environment);
      else this.#wait(environment, heldForMs);
    } else if (outcome.outcome === 'refreshed') counts.refreshed += 1;
    else if (failure === null) counts.skipped += 1;
    else {
      counts.failed += 1;
      counts.failures[failure.code] = (counts.failures[failure.code] ?? 0) + 1;
      if (failure.class === 'account') counts.needs_reconnect += 1;
      if (goesOn) counts.retrying += 1;
      if (failure.class === 'rate') this.#wait(environment, failure.retryAfterMs ?? 0);
    }
  }

  #countBroken(error: unknown): void {
    const code = error instanceof ChildWorkflowFailure ? 'workflow_failed' : 'workflow_not_started';
    this.counts.failed += 1;
    this.counts.failures[code] = (this.counts.failures[code] ?? 0) + 1;
  }
}
