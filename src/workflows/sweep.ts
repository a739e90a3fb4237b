/** The sweep: one run over a provider's due accounts, most urgent first. Started by the schedule `sweep/<provider>`. */

import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ApplicationFailure,
  ChildWorkflowFailure,
  condition,
  continueAsNew,
  defineSignal,
  log,
  ParentClosePolicy,
  proxyActivities,
  setHandler,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities';
import type { AttemptOutcome, RefreshRequest } from '../domain/refresh-attempt';
import {
  type DueAccount,
  type HeldLane,
  type SweepInput,
  type SweepProgress,
  type SweepSummary,
  summaryLine,
} from '../domain/sweep';
import type { ValidationTally } from '../domain/validation';
import { watchLane } from './lane';
import { goesOnSignal, refreshAccountWorkflow, refreshAccountWorkflowId } from './refresh-account';
import {
  EvergrantAccount,
  EvergrantOrg,
  EvergrantProvider,
  EvergrantSource,
} from './search-attributes';

const { listDueAccounts, warnOfRefreshTokens, recordHeartbeat } = proxyActivities<Activities>({
  startToCloseTimeout: '30s',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
});

/** Somebody triggered a sweep while this one ran: what has become due since is to be swept, too. */
export const sweepAgainSignal = defineSignal('sweepAgain');

const BEGINNING = {
  cursor: { scan: 'expiring', at: null, accountId: null },
  asOf: null,
} as const satisfies Partial<SweepProgress>;

// A worker that vanished is replaced, and the next one goes on where it was.
const { listDueValidations, validateAccounts } = proxyActivities<Activities>({
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
});

/** So many children at once: the provider's and our own load has a bound, whatever is due. */
const WINDOW = 40;
const PAGE = 200;
/** So many are validated by one activity. */
const VALIDATION_BATCH = 50;
/** Beyond this the next page goes to a fresh run. */
const HISTORY_EVENTS_MAX = 4_000;
/** A throttled lane that opens within this is waited for; a longer wait is left to the next sweep. */
const LANE_WAIT_MAX_MS = 120_000;
/** A child that neither ends nor says that it goes on does not hold the sweep for ever. */
const DRAIN_MAX = '10 minutes';

/** What keeps a whole lane from being sent to for longer than a sweep would wait. */
const CLOSED: ReadonlySet<string> = new Set(['app_incident', 'provider_outage', 'quota_spent']);

/** What one sweep knows of its children, and of the lanes of their environments. */
class Children {
  running = 0;
  /** Nothing more is sent there in this sweep. */
  readonly closed = new Set<string>();
  readonly #openAt = new Map<string, number>();
  readonly summary: SweepSummary;
  /** By account: gives the seat of a child back that goes on trying. */
  readonly #seats = new Map<string, (outcome: AttemptOutcome) => void>();

  constructor(summary: SweepSummary) {
    this.summary = summary;
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

  /** Refreshes one account and counts how it ended; never throws. */
  async refresh(account: DueAccount, provider: string, request: RefreshRequest): Promise<void> {
    this.running += 1;
    // Before the child is started: its word may come with the very news of its start.
    const goesOn = new Promise<void>((giveBack) => {
      this.#seats.set(account.accountId, (outcome) =>
        giveBack(this.#count(account, outcome, true)),
      );
    });
    try {
      const child = await startChild(refreshAccountWorkflow, {
        workflowId: refreshAccountWorkflowId(account.accountId),
        args: [{ accountId: account.accountId, label: account.label, request }],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        staticSummary: `Refresh ${account.label} (${provider})`,
        typedSearchAttributes: [
          { key: EvergrantProvider, value: provider },
          { key: EvergrantAccount, value: account.accountId },
          { key: EvergrantOrg, value: account.organisation },
          { key: EvergrantSource, value: request.source },
        ],
      });
      const ended = child.result().then(
        (outcome) => this.#count(account, outcome, false),
        (error: unknown) =>
          this.#seats.delete(account.accountId) ? this.#countBroken(error) : undefined,
      );
      await Promise.race([goesOn, ended]);
    } catch (error) {
      this.#seats.delete(account.accountId);
      if (error instanceof WorkflowExecutionAlreadyStartedError) this.summary.in_flight += 1;
      else this.#countBroken(error);
    } finally {
      this.running -= 1;
    }
  }

  #count({ environment }: DueAccount, outcome: AttemptOutcome, goesOn: boolean): void {
    if (!this.#seats.delete(outcome.accountId)) return;
    const { summary } = this;
    const { failure, heldForMs } = outcome;
    if (heldForMs !== undefined) {
      summary.left += 1;
      if (CLOSED.has(outcome.reason)) this.closed.add(environment);
      else this.#wait(environment, heldForMs);
    } else if (outcome.outcome === 'refreshed') summary.refreshed += 1;
    else if (failure === null) summary.skipped += 1;
    else {
      summary.failed += 1;
      summary.failures[failure.code] = (summary.failures[failure.code] ?? 0) + 1;
      if (failure.class === 'account') summary.needs_reconnect += 1;
      if (goesOn) summary.retrying += 1;
      if (failure.class === 'rate') this.#wait(environment, failure.retryAfterMs ?? 0);
    }
  }

  /** Takes in what a batch of validations came to. */
  countValidations({ validated, invalid, unknown, failures, toRefresh }: ValidationTally): void {
    const { summary } = this;
    summary.validated += validated;
    summary.invalid += invalid;
    // Whose token was refused and is refreshed now has not failed yet.
    summary.failed += invalid + unknown - toRefresh.length;
    for (const [code, number] of Object.entries(failures))
      summary.failures[code] = (summary.failures[code] ?? 0) + number;
  }

  #countBroken(error: unknown): void {
    const code = error instanceof ChildWorkflowFailure ? 'workflow_failed' : 'workflow_not_started';
    this.summary.failed += 1;
    this.summary.failures[code] = (this.summary.failures[code] ?? 0) + 1;
  }
}

/**
 * Pages through the due accounts and keeps a sliding window of refresh workflows going, then validates. Continues as
 * new between pages when its history has grown; ends with the summary. One bad child never fails a sweep.
 */
export async function sweepWorkflow(input: SweepInput): Promise<SweepSummary> {
  // `temporal schedule update` drops an input that is not typed again; a sweep that hangs would block all later ones.
  if (typeof (input as Partial<SweepInput> | undefined)?.provider !== 'string') {
    throw ApplicationFailure.nonRetryable(
      'the sweep was started without its input, e.g. {"provider":"ebay"}; see README, "Operate the schedule"',
      'input_missing',
    );
  }
  // Changed in place as the sweep goes on, so that it is at every moment what a fresh run would be given.
  const progress = input.progress ?? firstProgress(input);
  const { summary } = progress;
  const children = new Children(summary);
  setHandler(goesOnSignal, (outcome) => children.goesOn(outcome));
  setHandler(sweepAgainSignal, () => {
    progress.again = true;
  });

  for (;;) {
    await refreshDue(input, children, progress);
    // Then, because a token that was just refreshed need not be asked about twice, and its verdict would be void.
    await drain(children);
    await validateDue(input, children, progress);
    await drain(children);
    await warn(input, summary);
    if (summary.due === 0 && summary.validation_due === 0) {
      await recordHeartbeat.executeWithOptions({ summary: 'Nothing was due' }, [
        { provider: input.provider },
      ]);
    }
    if (!progress.again) break;
    children.closed.clear();
    Object.assign(progress, BEGINNING, { again: false });
  }
  summary.finished_at = new Date().toISOString();
  log.info('sweep finished', { summary: summaryLine(summary), ...summary });
  return summary;
}

/** Refreshes all that is due, page by page. */
async function refreshDue(
  input: SweepInput,
  children: Children,
  progress: SweepProgress,
): Promise<void> {
  const { provider, environment = null } = input;
  const { closed, summary } = children;
  while (progress.cursor !== null) {
    const { cursor, asOf } = progress;
    const page = await listDueAccounts.executeWithOptions(
      { summary: `${provider}: which accounts are due?` },
      [{ provider, environment, cursor, asOf, limit: PAGE }],
    );
    progress.asOf = page.asOf;
    summary.due += page.accounts.length;
    for (const lane of page.held ?? []) await leave(provider, lane, children);
    for (const account of page.accounts) {
      const isClosed = () => closed.has(account.environment);
      await condition(() => children.running < WINDOW || isClosed());
      const waitMs = children.waitMs(account.environment);
      if (waitMs > 0 && waitMs <= LANE_WAIT_MAX_MS && !isClosed()) await sleep(waitMs);
      if (isClosed() || waitMs > LANE_WAIT_MAX_MS) summary.left += 1;
      else void children.refresh(account, provider, scheduledRefresh(page.asOf, false));
    }
    progress.cursor = page.next;
    await continueIfGrown(input, children, progress);
  }
}

/** Counts the accounts of a lane that is not begun with, and makes sure that somebody finds out when it heals. */
async function leave(
  provider: string,
  { environment, reason, due }: HeldLane,
  { closed, summary }: Children,
): Promise<void> {
  summary.due += due;
  summary.left += due;
  if (closed.has(environment)) return;
  closed.add(environment);
  if (reason !== 'quota_spent' && due > 0) await watchLane({ provider, environment });
}

/** R2.3: asks about every active account that is due for it; one whose token is refused before its end is refreshed. */
async function validateDue(
  input: SweepInput,
  children: Children,
  progress: SweepProgress,
): Promise<void> {
  const { provider, environment = null } = input;
  const { summary } = progress;
  const asOf = progress.asOf ?? summary.started_at;
  for (;;) {
    const accounts = await listDueValidations.executeWithOptions(
      { summary: `${provider}: which accounts are to be validated?` },
      [{ provider, environment, asOf, limit: VALIDATION_BATCH }],
    );
    if (accounts.length === 0) return;
    summary.validation_due += accounts.length;
    const tally = await validateAccounts.executeWithOptions(
      { summary: `${provider}: validate ${accounts.length} accounts` },
      [
        {
          asOf,
          accountIds: accounts.map(({ accountId }) => accountId),
          request: { source: 'scheduled', caller: workflowInfo().workflowId, capture: false },
        },
      ],
    );
    children.countValidations(tally);
    summary.due += tally.toRefresh.length;
    const requestedAt = new Date().toISOString();
    for (const account of tally.toRefresh) {
      await condition(() => children.running < WINDOW);
      void children.refresh(account, provider, scheduledRefresh(requestedAt, true));
    }
    await continueIfGrown(input, children, progress);
  }
}

async function warn(input: SweepInput, summary: SweepSummary): Promise<void> {
  const { provider, environment = null } = input;
  const { warned } = await warnOfRefreshTokens.executeWithOptions(
    { summary: `${provider}: which refresh tokens end soon?` },
    [{ provider, environment }],
  );
  summary.refresh_tokens_expiring += warned;
}

function scheduledRefresh(requestedAt: string, force: boolean): RefreshRequest {
  const caller = workflowInfo().workflowId;
  return { source: 'scheduled', caller, requestedAt, force, capture: false };
}

async function continueIfGrown(
  input: SweepInput,
  children: Children,
  progress: SweepProgress,
): Promise<void> {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  if (!continueAsNewSuggested && historyLength <= HISTORY_EVENTS_MAX) return;
  await drain(children);
  await continueAsNew<typeof sweepWorkflow>({ ...input, progress });
}

/** Waits for the children that are under way; those that do not end are counted as in flight. */
async function drain(children: Children): Promise<void> {
  if (!(await condition(() => children.running === 0, DRAIN_MAX)))
    children.summary.in_flight += children.running;
}

function firstProgress(input: SweepInput): SweepProgress {
  return {
    ...BEGINNING,
    again: false,
    summary: {
      provider: input.provider,
      environment: input.environment ?? null,
      started_at: new Date().toISOString(),
      finished_at: null,
      due: 0,
      refreshed: 0,
      failed: 0,
      needs_reconnect: 0,
      retrying: 0,
      in_flight: 0,
      skipped: 0,
      left: 0,
      refresh_tokens_expiring: 0,
      failures: {},
      validation_due: 0,
      validated: 0,
      invalid: 0,
    },
  };
}
