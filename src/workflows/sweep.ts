/** The sweep: one run over a provider's due accounts, most urgent first. The schedule `sweep/<provider>` starts it. */
import {
  ActivityFailure,
  ApplicationFailure,
  condition,
  continueAsNew,
  defineSignal,
  log,
  proxyActivities,
  setHandler,
  setWorkflowOptions,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities';
import type { ValidationTally } from '../domain/account/validation';
import type { RefreshRequest } from '../domain/refresh/refresh-attempt';
import { inBatches } from '../domain/refresh/refresh-batch';
import {
  type HeldApp,
  isIdle,
  LIMITER_WAIT_MAX_MS,
  PROVIDER_NOT_CONFIGURED,
  type SweepInput,
  type SweepProgress,
  type SweepSummary,
  summaryLine,
} from '../domain/refresh/sweep';
import { watchApp } from './app-limiter';
import { Batches } from './batches';
import { Children, WINDOW } from './children';
import { retryingSignal } from './refresh-account';
import { pinnedToItsVersion } from './versioning';

const { listDueAccounts, warnOfRefreshTokens, recordHeartbeat } = proxyActivities<Activities>({
  startToCloseTimeout: '30s',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
});

/** Requests another pass, because a sweep was triggered while this one runs and more accounts may be due. */
export const sweepAgainSignal = defineSignal('sweepAgain');

const BEGINNING = {
  cursor: { scan: 'expiring', at: null, accountId: null },
  asOf: null,
} as const satisfies Partial<SweepProgress>;

// If a worker is lost, the next one continues from the last heartbeat.
const { listDueValidations, validateAccounts } = proxyActivities<Activities>({
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
});

/** Accounts per page if each becomes a child workflow. */
const PAGE = 200;
/** Accounts per page if they are refreshed in batches; the history holds each twice, but starts no workflow for it. */
const PAGE_OF_BATCHES = 1_000;
/** Accounts that one activity validates. */
const VALIDATION_BATCH = 50;
/** Events in the history after which the workflow continues as new. */
const HISTORY_EVENTS_MAX = 4_000;
/**
 * Pages through the due accounts with a sliding window of child workflows, then validates. Continues as new between
 * pages when its history has grown. Completes with a summary; a failing child never fails the sweep.
 */
export async function sweepWorkflow(input: SweepInput): Promise<SweepSummary> {
  // `temporal schedule update` drops an input that is not given again, and a hanging sweep would block all later ones.
  if (typeof (input as Partial<SweepInput> | undefined)?.provider !== 'string') {
    throw ApplicationFailure.nonRetryable(
      'the sweep was started without its input, e.g. {"provider":"ebay"}; see docs/operations.md, "Schedules"',
      'input_missing',
    );
  }
  // Updated in place, so that continue-as-new always passes on the current progress.
  const progress = input.progress ?? firstProgress(input);
  const { summary } = progress;
  const children = new Children(input.provider, summary);
  setHandler(retryingSignal, (outcome) => children.retrying(outcome));
  setHandler(sweepAgainSignal, () => {
    progress.again = true;
  });

  try {
    await sweep(input, children, progress);
  } catch (error) {
    const refused = notConfigured(error);
    if (refused === null) throw error;
    summary.refused = refused;
  }
  summary.finished_at = new Date().toISOString();
  const line = { summary: summaryLine(summary), ...summary };
  if (summary.refused !== undefined) log.warn('sweep finished', line);
  else if (isIdle(summary)) log.debug('sweep finished', line);
  else log.info('sweep finished', line);
  return summary;
}

setWorkflowOptions(pinnedToItsVersion, sweepWorkflow);

/** The error message if the provider is not configured; `null` for any other error. */
function notConfigured(error: unknown): string | null {
  if (!(error instanceof ActivityFailure)) return null;
  const { cause } = error;
  return cause instanceof ApplicationFailure && cause.type === PROVIDER_NOT_CONFIGURED
    ? cause.message
    : null;
}

/** Refreshes, validates and warns, and repeats if another sweep was requested in the meantime. */
async function sweep(
  input: SweepInput,
  children: Children,
  progress: SweepProgress,
): Promise<void> {
  const { summary } = progress;
  for (;;) {
    await refreshDue(input, children, progress);
    // Refreshes finish first: validating a token that is being replaced would be pointless, and its verdict void.
    await children.drain();
    await validateDue(input, children, progress);
    await children.drain();
    await warn(input, summary);
    if (summary.due === 0 && summary.validation_due === 0) {
      await recordHeartbeat.executeWithOptions({ summary: 'Log that no account was due' }, [
        { provider: input.provider },
      ]);
    }
    if (!progress.again) return;
    children.openEnvironments.clear();
    Object.assign(progress, BEGINNING, { again: false });
  }
}

/** Refreshes all due accounts, page by page. */
async function refreshDue(
  input: SweepInput,
  children: Children,
  progress: SweepProgress,
): Promise<void> {
  const { provider, environment = null } = input;
  const { openEnvironments } = children;
  const { summary } = progress;
  const batches = new Batches(children);
  while (progress.cursor !== null) {
    const { cursor, asOf } = progress;
    const page = await listDueAccounts.executeWithOptions(
      { summary: `${provider}: list the due accounts` },
      [{ provider, environment, cursor, asOf, limit: progress.inBatches ? PAGE_OF_BATCHES : PAGE }],
    );
    progress.asOf = page.asOf;
    summary.due += page.accounts.length;
    progress.inBatches = page.inBatches ?? progress.inBatches;
    progress.validates = page.validates ?? progress.validates;
    for (const limiter of page.held) await leave(provider, limiter, children, summary);
    const request = scheduledRefresh(page.asOf, false);
    if (progress.inBatches) {
      for (const accounts of inBatches(page.accounts, page.batch)) {
        await condition(() => batches.running < page.batchesAtOnce);
        void batches.refresh(accounts, request);
      }
      progress.cursor = page.next;
      if (hasGrown()) await batches.drain();
      await continueIfGrown(input, children, progress);
      continue;
    }
    for (const account of page.accounts) {
      const isOpen = () => openEnvironments.has(account.environment);
      await condition(() => children.running < WINDOW || isOpen());
      const waitMs = children.waitMs(account.environment);
      if (waitMs > 0 && waitMs <= LIMITER_WAIT_MAX_MS && !isOpen()) await sleep(waitMs);
      if (isOpen() || waitMs > LIMITER_WAIT_MAX_MS) summary.deferred += 1;
      else void children.refresh(account, request);
    }
    progress.cursor = page.next;
    await continueIfGrown(input, children, progress);
  }
  await batches.drain();
}

/**
 * Counts the due accounts of an OAuth app that sweeps must skip. Unless only its quota is used up, starts the workflow
 * that watches the app.
 */
async function leave(
  provider: string,
  { environment, reason, due }: HeldApp,
  { openEnvironments }: Children,
  summary: SweepSummary,
): Promise<void> {
  summary.due += due;
  summary.deferred += due;
  if (openEnvironments.has(environment)) return;
  openEnvironments.add(environment);
  if (reason !== 'quota_exhausted' && due > 0)
    await watchApp({ provider, environment, isOpen: true });
}

/** Validates every account that is due for it. An account whose token is refused before it expires is refreshed. */
async function validateDue(
  input: SweepInput,
  children: Children,
  progress: SweepProgress,
): Promise<void> {
  if (!progress.validates) return;
  const { provider, environment = null } = input;
  const { summary } = progress;
  const asOf = progress.asOf ?? summary.started_at;
  for (;;) {
    const accounts = await listDueValidations.executeWithOptions(
      { summary: `${provider}: list the accounts to validate` },
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
    countValidations(summary, tally);
    summary.due += tally.toRefresh.length;
    const requestedAt = new Date().toISOString();
    for (const account of tally.toRefresh) {
      await condition(() => children.running < WINDOW);
      void children.refresh(account, scheduledRefresh(requestedAt, true));
    }
    await continueIfGrown(input, children, progress);
  }
}

/** Adds the results of a batch of validations to the summary. */
function countValidations(summary: SweepSummary, tally: ValidationTally): void {
  const { validated, invalid, unknown, failures, toRefresh } = tally;
  summary.validated += validated;
  summary.invalid += invalid;
  // An account that is being refreshed after a refused token has not failed yet.
  summary.failed += invalid + unknown - toRefresh.length;
  for (const [code, number] of Object.entries(failures))
    summary.failures[code] = (summary.failures[code] ?? 0) + number;
}

async function warn(input: SweepInput, summary: SweepSummary): Promise<void> {
  const { provider, environment = null } = input;
  const { warned } = await warnOfRefreshTokens.executeWithOptions(
    { summary: `${provider}: warn about refresh tokens that expire soon` },
    [{ provider, environment }],
  );
  summary.refresh_tokens_expiring += warned;
}

function scheduledRefresh(requestedAt: string, force: boolean): RefreshRequest {
  const caller = workflowInfo().workflowId;
  return { source: 'scheduled', caller, requestedAt, force, capture: false };
}

function hasGrown(): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || historyLength > HISTORY_EVENTS_MAX;
}

async function continueIfGrown(
  input: SweepInput,
  children: Children,
  progress: SweepProgress,
): Promise<void> {
  if (!hasGrown()) return;
  await children.drain();
  await continueAsNew<typeof sweepWorkflow>({ ...input, progress });
}

function firstProgress(input: SweepInput): SweepProgress {
  return {
    ...BEGINNING,
    inBatches: false,
    validates: false,
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
      deferred: 0,
      refresh_tokens_expiring: 0,
      failures: {},
      validation_due: 0,
      validated: 0,
      invalid: 0,
    },
  };
}
