/** The refresh workflows that a sweep or a batch has started: the number running, and their outcomes. */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ChildWorkflowFailure,
  condition,
  ParentClosePolicy,
  startChild,
} from '@temporalio/workflow';
import { isCircuitOpen } from '../domain/refresh/next-step';
import type {
  AttemptOutcome,
  FirstAttempt,
  RefreshRequest,
} from '../domain/refresh/refresh-attempt';
import type { RefreshCounts } from '../domain/refresh/refresh-batch';
import type { DueAccount } from '../domain/refresh/sweep';
import { visible } from '../domain/text/visible-text';
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

/** Child workflows that run at once; bounds the load on the provider and on Temporal, however many accounts are due. */
export const WINDOW = 40;
/** The longest wait for a child that neither completes nor signals that it keeps retrying. */
const DRAIN_MAX = '10 minutes';

export class Children {
  running = 0;
  /** Environments whose OAuth app must be skipped (incident, outage, quota used up) in the rest of the sweep. */
  readonly openEnvironments = new Set<string>();
  readonly provider: string;
  readonly counts: RefreshCounts;
  readonly #openAt = new Map<string, number>();
  /** By account id: releases the slot of a child that keeps retrying. */
  readonly #slots = new Map<string, (outcome: AttemptOutcome) => void>();

  /** @param counts updated in place */
  constructor(provider: string, counts: RefreshCounts) {
    this.provider = provider;
    this.counts = counts;
  }

  /** How long the provider asks to wait in this environment, in ms. */
  waitMs(environment: string): number {
    return (this.#openAt.get(environment) ?? 0) - Date.now();
  }

  #wait(environment: string, ms: number): void {
    const at = Math.max(this.#openAt.get(environment) ?? 0, Date.now() + ms);
    this.#openAt.set(environment, at);
  }

  /** Releases the slot of a child that keeps retrying. */
  retrying(outcome: AttemptOutcome): void {
    this.#slots.get(outcome.accountId)?.(outcome);
  }

  /**
   * Refreshes one account and counts the outcome; never throws.
   * @param first an attempt that a batch has already made
   */
  async refresh(
    account: DueAccount,
    request: RefreshRequest,
    first: FirstAttempt | null = null,
  ): Promise<void> {
    const { accountId, label, organisation } = account;
    this.running += 1;
    // Registered before the child starts, because its signal may arrive together with the event of its start.
    const retrying = new Promise<void>((free) => {
      this.#slots.set(accountId, (outcome) => free(this.#count(account, outcome, true)));
    });
    try {
      const child = await startChild(refreshAccountWorkflow, {
        workflowId: refreshAccountWorkflowId(accountId),
        args: [{ accountId, label, request, ...(first === null ? {} : { first }) }],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        workflowTaskTimeout: REPLACED_AFTER,
        staticSummary: `Refresh ${visible(label)} (${this.provider})`,
        typedSearchAttributes: [
          { key: EvergrantProvider, value: this.provider },
          { key: EvergrantAccount, value: accountId },
          { key: EvergrantOrg, value: organisation },
          { key: EvergrantSource, value: request.source },
        ],
      });
      const ended = child.result().then(
        (outcome) => this.#count(account, outcome, false),
        (error: unknown) => (this.#slots.delete(accountId) ? this.#countBroken(error) : undefined),
      );
      await Promise.race([retrying, ended]);
    } catch (error) {
      this.#slots.delete(accountId);
      if (error instanceof WorkflowExecutionAlreadyStartedError) this.counts.in_flight += 1;
      else this.#countBroken(error);
    } finally {
      this.running -= 1;
    }
  }

  /** Waits for running children. Children that do not complete in time are counted as in flight. */
  async drain(): Promise<void> {
    if (!(await condition(() => this.running === 0, DRAIN_MAX)))
      this.counts.in_flight += this.running;
  }

  #count({ environment }: DueAccount, outcome: AttemptOutcome, isRetrying: boolean): void {
    if (!this.#slots.delete(outcome.accountId)) return;
    const { counts } = this;
    const { failure, heldForMs } = outcome;
    if (heldForMs !== undefined) {
      counts.deferred += 1;
      if (isCircuitOpen(outcome)) this.openEnvironments.add(environment);
      // The limit applies to one organisation; accounts of other organisations need not wait.
      else if (outcome.reason !== 'organisation_throttled') this.#wait(environment, heldForMs);
    } else if (outcome.outcome === 'refreshed') counts.refreshed += 1;
    else if (failure === null) counts.skipped += 1;
    else {
      counts.failed += 1;
      counts.failures[failure.code] = (counts.failures[failure.code] ?? 0) + 1;
      if (failure.class === 'account') counts.needs_reconnect += 1;
      if (isRetrying) counts.retrying += 1;
    }
  }

  #countBroken(error: unknown): void {
    const code = error instanceof ChildWorkflowFailure ? 'workflow_failed' : 'workflow_not_started';
    this.counts.failed += 1;
    this.counts.failures[code] = (this.counts.failures[code] ?? 0) + 1;
  }
}
