/** The sweep: one run over a provider's due accounts, most urgent first. Started by the schedule `sweep/<provider>`. */

import {
  ApplicationFailure,
  condition,
  continueAsNew,
  defineSignal,
  log,
  proxyActivities,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities';
import type { RefreshRequest } from '../domain/refresh-attempt';
import { inBatches } from '../domain/refresh-batch';
import {
  type HeldLane,
  LANE_WAIT_MAX_MS,
  type SweepInput,
  type SweepProgress,
  type SweepSummary,
  summaryLine,
} from '../domain/sweep';
import type { ValidationTally } from '../domain/validation';
import { Batches } from './batches';
import { Children, WINDOW } from './children';
import { watchLane } from './lane';
import { goesOnSignal } from './refresh-account';

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

/** Listed at once; each becomes a workflow. */
const PAGE = 200;
/** Listed at once where there are many: a history holds them twice, but no workflow for each. */
const PAGE_OF_BATCHES = 1_000;
/** Batches at once where an older worker listed what is due. */
const BATCHES = 4;
/** So many are validated by one activity. */
const VALIDATION_BATCH = 50;
/** Beyond this the next page goes to a fresh run. */
const HISTORY_EVENTS_MAX = 4_000;
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
  const children = new Children(input.provider, summary);
  setHandler(goesOnSignal, (outcome) => children.goesOn(outcome));
  setHandler(sweepAgainSignal, () => {
    progress.again = true;
  });

  for (;;) {
    await refreshDue(input, children, progress);
    // Then, because a token that was just refreshed need not be asked about twice, and its verdict would be void.
    await children.drain();
    await validateDue(input, children, progress);
    await children.drain();
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
  const { closed } = children;
  const { summary } = progress;
  const batches = new Batches(children);
  while (progress.cursor !== null) {
    const { cursor, asOf } = progress;
    const page = await listDueAccounts.executeWithOptions(
      { summary: `${provider}: which accounts are due?` },
      [{ provider, environment, cursor, asOf, limit: progress.inBatches ? PAGE_OF_BATCHES : PAGE }],
    );
    progress.asOf = page.asOf;
    summary.due += page.accounts.length;
    progress.inBatches = page.inBatches ?? progress.inBatches ?? false;
    progress.validates = page.validates ?? progress.validates ?? true;
    for (const lane of page.held ?? []) await leave(provider, lane, children, summary);
    const request = scheduledRefresh(page.asOf, false);
    if (progress.inBatches) {
      for (const accounts of inBatches(page.accounts, page.batch)) {
        await condition(() => batches.running < (page.batchesAtOnce ?? BATCHES));
        void batches.refresh(accounts, request);
      }
      progress.cursor = page.next;
      if (hasGrown()) await batches.drain();
      await continueIfGrown(input, children, progress);
      continue;
    }
    for (const account of page.accounts) {
      const isClosed = () => closed.has(account.environment);
      await condition(() => children.running < WINDOW || isClosed());
      const waitMs = children.waitMs(account.environment);
      if (waitMs > 0 && waitMs <= LANE_WAIT_MAX_MS && !isClosed()) await sleep(waitMs);
      if (isClosed() || waitMs > LANE_WAIT_MAX_MS) summary.left += 1;
      else void children.refresh(account, request);
    }
    progress.cursor = page.next;
    await continueIfGrown(input, children, progress);
  }
  await batches.drain();
}

/** Counts the accounts of a lane that is not begun with, and makes sure that somebody finds out when it heals. */
async function leave(
  provider: string,
  { environment, reason, due }: HeldLane,
  { closed }: Children,
  summary: SweepSummary,
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
  if (progress.validates === false) return;
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

/** Takes in what a batch of validations came to. */
function countValidations(summary: SweepSummary, tally: ValidationTally): void {
  const { validated, invalid, unknown, failures, toRefresh } = tally;
  summary.validated += validated;
  summary.invalid += invalid;
  // Whose token was refused and is refreshed now has not failed yet.
  summary.failed += invalid + unknown - toRefresh.length;
  for (const [code, number] of Object.entries(failures))
    summary.failures[code] = (summary.failures[code] ?? 0) + number;
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
