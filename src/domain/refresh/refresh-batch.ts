/** A batch: many accounts that one activity refreshes. What goes in, what it remembers, what comes out. */
import type { GenerationMark } from './generation-mark';
import type { AttemptOutcome, FirstAttempt, RefreshRequest } from './refresh-attempt';
import type { DueAccount, SweepSummary } from './sweep';

/** Under it a batch's workflow tells of the refresh tokens that were replaced. */
export const ROTATED_MEMO = 'rotated';

/** So many at most are in a batch that somebody waits for: all are sent at once, and none waits for another's answer. */
export const TOGETHER_MAX = 50;

export interface BatchAccount extends DueAccount {
  /** Somebody waits for this one, and asked for it so; absent: the batch's own request is meant. */
  request?: RefreshRequest;
}

export interface RefreshBatchInput {
  accounts: readonly BatchAccount[];
  request: RefreshRequest;
  /** The sweep that it is part of, or else the batch itself: the log entries of its accounts name it. */
  sweep: { workflowId: string; runId: string };
}

/**
 * What a batch has come to. Heartbeats bring it to Temporal, so that another worker goes on from there; at the end it is
 * the result. What it holds of grants is sealed.
 */
export interface BatchProgress {
  /** Ids of the accounts that are not through. */
  rest: string[];
  refreshed: number;
  skipped: number;
  left: number;
  /** Environments whose lane is closed: nothing more is sent there in this sweep. */
  closed: string[];
  /** The accounts that were given new refresh tokens, in the order in which they came. */
  rotated: GenerationMark[];
  /** Whatever is not plain success goes on in the account's own workflow; `first: null`: from its beginning. */
  own: { accountId: string; first: FirstAttempt | null }[];
  /** Of the accounts that somebody waits for: how the first attempt ended of those that were not simply refreshed. */
  outcomes?: AttemptOutcome[];
  /** The database went away: the rest is for later. */
  databaseAway: boolean;
}

export function batchBeginning(accounts: readonly DueAccount[]): BatchProgress {
  return {
    rest: accounts.map(({ accountId }) => accountId),
    refreshed: 0,
    skipped: 0,
    left: 0,
    closed: [],
    rotated: [],
    own: [],
    databaseAway: false,
  };
}

/** The part of a sweep's summary that a batch fills in. */
export type RefreshCounts = Pick<
  SweepSummary,
  | 'refreshed'
  | 'failed'
  | 'needs_reconnect'
  | 'retrying'
  | 'in_flight'
  | 'skipped'
  | 'left'
  | 'failures'
>;

export interface BatchResult {
  counts: RefreshCounts;
  closed: string[];
  /** As its activities have told them; absent in a sweep's batches, which nobody waits for. */
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
    left: 0,
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
  to.left += counts.left;
  for (const [code, number] of Object.entries(failures))
    to.failures[code] = (to.failures[code] ?? 0) + number;
}

const BATCH_OF_OLDER_WORKERS = 200;

/**
 * Batches of about the same size; where an older worker listed what is due, as it would have divided it.
 * @param accounts most urgent first
 * @param most in one batch
 */
export function inBatches(accounts: readonly DueAccount[], most?: number): DueAccount[][] {
  const rest = takingTurns(accounts);
  const size =
    most === undefined
      ? BATCH_OF_OLDER_WORKERS
      : Math.ceil(rest.length / Math.ceil(rest.length / most));
  const batches: DueAccount[][] = [];
  while (rest.length > 0) batches.push(rest.splice(0, size));
  return batches;
}

/**
 * The organisations in turn, each with its most urgent first: one that has many due does not make the others wait for
 * all of them.
 */
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
