/** Input, progress and result types of a batch: many accounts that one activity refreshes. */
import type { GenerationMark } from './generation-mark';
import type { AttemptOutcome, FirstAttempt, RefreshRequest } from './refresh-attempt';
import type { DueAccount, SweepSummary } from './sweep';

/** The memo field in which a batch's workflow lists rotated refresh tokens. */
export const ROTATED_MEMO = 'rotated';

/** Maximum size of a batch that callers wait for. All its requests are sent at once, so no caller waits for another. */
export const TOGETHER_MAX = 50;

export interface BatchAccount extends DueAccount {
  /** The request of a waiting caller. Absent: the batch's request applies. */
  request?: RefreshRequest;
}

export interface RefreshBatchInput {
  accounts: readonly BatchAccount[];
  request: RefreshRequest;
  /** The workflow that the log entries name: the sweep that the batch belongs to, or the batch itself. */
  sweep: { workflowId: string; runId: string };
}

/**
 * Progress of a batch. Heartbeats send it to Temporal, so that another worker can continue. Its final state is the
 * result. Grants in it are encrypted.
 */
export interface BatchProgress {
  /** Ids of the accounts that are not finished. */
  remaining: string[];
  refreshed: number;
  skipped: number;
  deferred: number;
  /** Environments whose OAuth app limiter is open. This sweep sends no more requests for them. */
  openEnvironments: string[];
  /** Accounts with a new refresh token, in order of arrival. */
  rotated: GenerationMark[];
  /** Accounts without plain success, which continue in their own workflows. `first: null`: there was no attempt. */
  fallback: { accountId: string; first: FirstAttempt | null }[];
  /** First outcomes of the accounts that callers wait for, except plain successes. */
  outcomes?: AttemptOutcome[];
  /** MongoDB became unreachable, so the remaining accounts are left for later. */
  databaseUnreachable: boolean;
}

export function batchBeginning(accounts: readonly DueAccount[]): BatchProgress {
  return {
    remaining: accounts.map(({ accountId }) => accountId),
    refreshed: 0,
    skipped: 0,
    deferred: 0,
    openEnvironments: [],
    rotated: [],
    fallback: [],
    databaseUnreachable: false,
  };
}

/** The part of a sweep's summary that a batch provides. */
export type RefreshCounts = Pick<
  SweepSummary,
  | 'refreshed'
  | 'failed'
  | 'needs_reconnect'
  | 'retrying'
  | 'in_flight'
  | 'skipped'
  | 'deferred'
  | 'failures'
>;

export interface BatchResult {
  counts: RefreshCounts;
  openEnvironments: string[];
  /** Outcomes as reported by the activities. Absent in a sweep's batches, because no caller waits for them. */
  outcomes?: AttemptOutcome[];
}

export function noCounts(): RefreshCounts {
  return {
    refreshed: 0,
    failed: 0,
    needs_reconnect: 0,
    retrying: 0,
    in_flight: 0,
    skipped: 0,
    deferred: 0,
    failures: {},
  };
}

export function addCounts(to: RefreshCounts, { failures, ...counts }: RefreshCounts): void {
  to.refreshed += counts.refreshed;
  to.failed += counts.failed;
  to.needs_reconnect += counts.needs_reconnect;
  to.retrying += counts.retrying;
  to.in_flight += counts.in_flight;
  to.skipped += counts.skipped;
  to.deferred += counts.deferred;
  for (const [code, number] of Object.entries(failures))
    to.failures[code] = (to.failures[code] ?? 0) + number;
}

/**
 * Splits accounts into batches of about equal size.
 * @param accounts most urgent first
 * @param most maximum batch size
 */
export function inBatches(accounts: readonly DueAccount[], most: number): DueAccount[][] {
  const rest = takingTurns(accounts);
  const size = Math.ceil(rest.length / Math.ceil(rest.length / most));
  const batches: DueAccount[][] = [];
  while (rest.length > 0) batches.push(rest.splice(0, size));
  return batches;
}

/** Alternates between organisations, most urgent accounts first, so that a large organisation does not delay others. */
function takingTurns(accounts: readonly DueAccount[]): DueAccount[] {
  const seen = new Map<string, number>();
  return accounts
    .map((account) => {
      const turn = seen.get(account.organisation) ?? 0;
      seen.set(account.organisation, turn + 1);
      return { account, turn };
    })
    .toSorted((one, other) => one.turn - other.turn)
    .map(({ account }) => account);
}
