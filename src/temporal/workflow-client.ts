/** Sweeps and refreshes as Temporal's visibility and histories have them. Who may see what is decided here. */
import {
  type Client,
  isGrpcServiceError,
  type WorkflowExecutionDescription,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { SweepSummary } from '../domain/sweep';
import { refreshAccountWorkflow } from '../workflows/refresh-account';
import { refreshBatchWorkflow } from '../workflows/refresh-batch';
import {
  EvergrantAccount,
  EvergrantOrg,
  EvergrantOutcome,
  EvergrantProvider,
  EvergrantSource,
} from '../workflows/search-attributes';
import { sweepWorkflow } from '../workflows/sweep';
import { validateAccountWorkflow } from '../workflows/validate-account';
import { ApiError, notFound } from './errors';
import {
  failureSentence,
  type HistoryEvent,
  jsonOf,
  readableHistory,
  timeOf,
} from './readable-history';
import { decodeCursor, encodeCursor } from './schemas';
import { answering } from './temporal-deadline';

/** In the order of Temporal's numbers for them, from 1. */
export const WORKFLOW_STATUSES = [
  'running',
  'completed',
  'failed',
  'canceled',
  'terminated',
  'continued_as_new',
  'timed_out',
] as const;
export type WorkflowStatus = (typeof WORKFLOW_STATUSES)[number];
/** The same in the words of a visibility query. */
const QUERY_STATUS: Record<WorkflowStatus, string> = {
  running: 'Running',
  completed: 'Completed',
  failed: 'Failed',
  canceled: 'Canceled',
  terminated: 'Terminated',
  continued_as_new: 'ContinuedAsNew',
  timed_out: 'TimedOut',
};

export const WORKFLOW_TYPES = ['refresh', 'sweep', 'batch', 'validation'] as const;
export type WorkflowType = (typeof WORKFLOW_TYPES)[number];

export interface ListedWorkflow {
  workflowId: string;
  runId: string;
  type: WorkflowType;
  provider: string | null;
  accountId: string | null;
  source: string | null;
  outcome: string | null;
  status: WorkflowStatus;
  startedAt: Date;
  endedAt: Date | null;
}

export interface ListedSweep extends ListedWorkflow {
  /** `null` while it runs, and where it came to no result. */
  summary: SweepSummary | null;
  /** Why there is none. */
  failure: string | null;
}

interface WorkflowFilters {
  type?: WorkflowType | undefined;
  provider?: string | undefined;
  accountId?: string | undefined;
  source?: string | undefined;
  outcome?: string | undefined;
  status?: WorkflowStatus | undefined;
}

interface Page {
  limit: number;
  /** `next` of the page before: Temporal's own token within. */
  cursor?: string | undefined;
}

export interface WorkflowHistory extends ListedWorkflow {
  /** In Temporal's own web UI; `null`: its address is not known. */
  uiUrl: string | null;
  events: HistoryEvent[];
  pending: PendingActivity[];
}

/** An activity that Temporal goes on trying: its tries are in no history until it ends. */
interface PendingActivity {
  activity: string;
  attempt: number;
  failure: string | null;
  nextRetryAt: Date | null;
}

export interface WorkflowClient {
  /** The organisation's own refreshes, and the sweeps, which serve all; so do batches, which are many, for who asks for them. */
  list(
    organisation: string,
    filters: WorkflowFilters,
    page: Page,
  ): Promise<{ items: ListedWorkflow[]; next: string | null }>;
  sweeps(
    filters: Pick<WorkflowFilters, 'provider' | 'status'>,
    page: Page,
  ): Promise<{ items: ListedSweep[]; next: string | null }>;
  /** @throws {ApiError} `not_found`, absent and foreign alike */
  history(
    organisation: string,
    workflowId: string,
    runId: string | undefined,
  ): Promise<WorkflowHistory>;
  /** What these sweeps came to. */
  results(sweeps: readonly ListedWorkflow[]): Promise<ListedSweep[]>;
  /**
   * Ends a run at once.
   * @throws {ApiError} `not_found`, absent and foreign alike; `conflict`: it has ended, or a grant would be lost by it
   */
  terminate(
    organisation: string,
    workflowId: string,
    runId: string | undefined,
    reason: string,
  ): Promise<Pick<ListedWorkflow, 'workflowId' | 'runId'>>;
  running(organisation: string): Promise<{ sweeps: number; refreshes: number }>;
  /** How many workers have asked for work lately. */
  workers(): Promise<number>;
}

const SWEEP = sweepWorkflow.name;
const BATCH = refreshBatchWorkflow.name;
const REFRESH = refreshAccountWorkflow.name;
const VALIDATION = validateAccountWorkflow.name;
const NAMES: Readonly<Record<WorkflowType, string>> = {
  sweep: SWEEP,
  batch: BATCH,
  refresh: REFRESH,
  validation: VALIDATION,
};
/** The activities that may have a grant which exists nowhere else. */
const HOLD_GRANTS: ReadonlySet<string> = new Set(['persistGrant', 'refreshBatch']);
/** A worker asks for work at least once a minute. */
const WORKER_SEEN_WITHIN_MS = 90_000;

/** @param uiUrl of Temporal's own web UI; `null`: it is not known */
export function createWorkflowClient(
  client: Client,
  taskQueue: string,
  uiUrl: string | null = null,
): WorkflowClient {
  const { namespace } = client.options;

  async function page(query: string, { limit, cursor }: Page) {
    const [pageToken] = cursor === undefined ? [] : (decodeCursor(cursor, 1) ?? ['']);
    if (pageToken === '') throw notOurs();
    try {
      const { executions, nextPageToken } = await client.workflowService.listWorkflowExecutions({
        namespace,
        query,
        pageSize: limit,
        ...(pageToken === undefined ? {} : { nextPageToken: Buffer.from(pageToken, 'base64url') }),
      });
      const next = Buffer.from(nextPageToken ?? []).toString('base64url');
      return {
        items: (executions ?? []).map(listed),
        next: next === '' ? null : encodeCursor(next),
      };
    } catch (error) {
      if (pageToken !== undefined && isInvalidArgument(error)) throw notOurs();
      throw error;
    }
  }

  async function countRunning(query: string): Promise<number> {
    return (await client.workflow.count(`${query} AND ExecutionStatus = "Running"`)).count;
  }

  async function withResult(sweep: ListedWorkflow): Promise<ListedSweep> {
    if (sweep.status === 'running') return { ...sweep, summary: null, failure: null };
    const { workflowId, runId } = sweep;
    try {
      const handle = client.workflow.getHandle<typeof sweepWorkflow>(workflowId, runId, {
        followRuns: false,
      });
      return { ...sweep, summary: await handle.result(), failure: null };
    } catch (error) {
      if (error instanceof WorkflowFailedError) {
        const message = error.cause?.message ?? error.message;
        return { ...sweep, summary: null, failure: message };
      }
      // Visibility can outlive a history by a moment.
      if (error instanceof WorkflowNotFoundError)
        return { ...sweep, summary: null, failure: 'Its history is no longer kept.' };
      throw error;
    }
  }

  /** A run that the organisation may see, as Temporal describes it. */
  async function described(organisation: string, workflowId: string, runId: string | undefined) {
    try {
      const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
      const info = raw.workflowExecutionInfo ?? {};
      const isOwn = attribute(info, EvergrantOrg.name) === organisation;
      const type = info.type?.name;
      const ofAccount = type === REFRESH || type === VALIDATION;
      if (type !== SWEEP && type !== BATCH && !(ofAccount && isOwn))
        throw notFound(`workflow ${workflowId}`);
      return { raw, workflow: listed(info) };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError || isInvalidArgument(error))
        throw notFound(`workflow ${workflowId}`);
      throw error;
    }
  }

  function uiUrlOf({ workflowId, runId }: Pick<ListedWorkflow, 'workflowId' | 'runId'>) {
    if (uiUrl === null) return null;
    const path = ['namespaces', namespace, 'workflows', workflowId, runId, 'history'];
    return `${uiUrl.replace(/\/$/, '')}/${path.map(encodeURIComponent).join('/')}`;
  }

  return {
    list(organisation, { type, provider, accountId, source, outcome, status }, at) {
      const terms = [
        type === 'batch'
          ? []
          : `(${EvergrantOrg.name} = ${quoted(organisation)} OR WorkflowType = ${quoted(SWEEP)})`,
        term('WorkflowType', type && NAMES[type]),
        term(EvergrantProvider.name, provider),
        term(EvergrantAccount.name, accountId),
        term(EvergrantSource.name, source),
        term(EvergrantOutcome.name, outcome),
        term('ExecutionStatus', status && QUERY_STATUS[status]),
      ];
      return answering(client, () => page(terms.flat().join(' AND '), at));
    },
    sweeps({ provider, status }, at) {
      const terms = [
        term('WorkflowType', SWEEP),
        term(EvergrantProvider.name, provider),
        // A sweep of many pages goes on in a new run, which has the whole cycle's summary in the end.
        status === undefined
          ? 'ExecutionStatus != "ContinuedAsNew"'
          : term('ExecutionStatus', QUERY_STATUS[status]),
      ];
      return answering(client, async () => {
        const { items, next } = await page(terms.flat().join(' AND '), at);
        return { items: await Promise.all(items.map(withResult)), next };
      });
    },
    history: (organisation, workflowId, runId) =>
      answering(client, async () => {
        const { raw, workflow } = await described(organisation, workflowId, runId);
        // The run that was described, should another begin at this moment.
        const history = await client.workflow.getHandle(workflowId, workflow.runId).fetchHistory();
        const events = readableHistory(history.events ?? [], organisation);
        const pending = (raw.pendingActivities ?? []).map((activity) => ({
          activity: activity.activityType?.name ?? '',
          attempt: activity.attempt ?? 1,
          failure: failureSentence(activity.lastFailure),
          nextRetryAt: timeOf(activity.nextAttemptScheduleTime),
        }));
        return {
          ...workflow,
          uiUrl: uiUrlOf(workflow),
          events,
          pending: isInFirstAttempt(raw, events) ? [FIRST_ATTEMPT] : pending,
        };
      }),
    results: (sweeps) => answering(client, () => Promise.all(sweeps.map(withResult))),
    terminate: (organisation, workflowId, runId, reason) =>
      answering(client, async () => {
        const { raw, workflow } = await described(organisation, workflowId, runId);
        const ended = new ApiError('conflict', 'The workflow has ended already.');
        if (workflow.status !== 'running') throw ended;
        const pending = (raw.pendingActivities ?? []).map(({ activityType }) => activityType?.name);
        if (pending.some((name) => HOLD_GRANTS.has(name ?? ''))) {
          throw new ApiError(
            'conflict',
            'The workflow holds a new grant that the database could not take yet, and goes on trying, or may be about to get one: terminated, it would lose it.',
          );
        }
        try {
          await client.workflow.getHandle(workflowId, workflow.runId).terminate(reason);
        } catch (error) {
          if (error instanceof WorkflowNotFoundError) throw ended;
          throw error;
        }
        return workflow;
      }),
    running: (organisation) =>
      answering(client, async () => {
        const [sweeps, refreshes] = await Promise.all([
          countRunning(`WorkflowType = ${quoted(SWEEP)}`),
          countRunning(
            `WorkflowType = ${quoted(REFRESH)} AND ${EvergrantOrg.name} = ${quoted(organisation)}`,
          ),
        ]);
        return { sweeps, refreshes };
      }),
    workers: () =>
      answering(client, async () => {
        const { pollers } = await client.workflowService.describeTaskQueue({
          namespace,
          taskQueue: { name: taskQueue },
        });
        const since = Date.now() - WORKER_SEEN_WITHIN_MS;
        const seen = (pollers ?? []).filter(
          ({ lastAccessTime }) => (timeOf(lastAccessTime)?.getTime() ?? 0) > since,
        );
        return new Set(seen.map(({ identity }) => identity)).size;
      }),
  };
}

/** A first attempt runs in the workflow's own task, of which Temporal says no more than that it is under way. */
const FIRST_ATTEMPT = { activity: 'refreshGrant', attempt: 1, failure: null, nextRetryAt: null };

function isInFirstAttempt(
  { workflowExecutionInfo, pendingWorkflowTask }: WorkflowExecutionDescription['raw'],
  events: readonly HistoryEvent[],
): boolean {
  const isRefresh = workflowExecutionInfo?.type?.name === REFRESH;
  const isUnderWay = timeOf(pendingWorkflowTask?.startedTime) !== null;
  return isRefresh && isUnderWay && events.every(({ activity }) => activity === null);
}

type RawWorkflow = NonNullable<
  Awaited<ReturnType<Client['workflowService']['listWorkflowExecutions']>>['executions']
>[number];

function listed(raw: RawWorkflow): ListedWorkflow {
  return {
    workflowId: raw.execution?.workflowId ?? '',
    runId: raw.execution?.runId ?? '',
    type: WORKFLOW_TYPES.find((type) => NAMES[type] === raw.type?.name) ?? 'refresh',
    provider: attribute(raw, EvergrantProvider.name),
    accountId: attribute(raw, EvergrantAccount.name),
    source: attribute(raw, EvergrantSource.name),
    outcome: attribute(raw, EvergrantOutcome.name),
    status: WORKFLOW_STATUSES[(raw.status ?? 1) - 1] ?? 'running',
    startedAt: timeOf(raw.startTime) ?? new Date(0),
    endedAt: timeOf(raw.closeTime),
  };
}

function attribute(raw: RawWorkflow, name: string): string | null {
  const value = jsonOf(raw.searchAttributes?.indexedFields?.[name]);
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === 'string' ? first : null;
}

/** gRPC's word for a page token or an id that is none. */
function isInvalidArgument(error: unknown): boolean {
  const code: number | null = isGrpcServiceError(error) ? error.code : null;
  return code === 3;
}

function notOurs(): ApiError {
  return new ApiError('invalid_request', 'cursor: not one of ours; take it from next_cursor');
}

function term(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [`${name} = ${quoted(value)}`];
}

/** A value in a visibility query; what would end the quotation cannot. */
function quoted(value: string): string {
  return `"${value.replace(/[\\"]/g, '\\$&')}"`;
}
