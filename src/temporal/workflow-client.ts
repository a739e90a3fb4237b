/**
 * Sweeps and refreshes from Temporal's visibility and histories. Access control is decided here: workflows of an
 * account belong to its organisation; sweeps and batches belong to none.
 */
import {
  type Client,
  type WorkflowExecutionDescription,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { Principal } from '../domain/access/principal';
import { demandScope, hasScope } from '../domain/access/principal';
import { decodeCursor, encodeCursor } from '../domain/cursor';
import type { SweepSummary } from '../domain/refresh/sweep';
import { notFound, ServiceError } from '../domain/service-error';
import { invalidCursor } from '../domain/text/messages';
import { visible } from '../domain/text/visible-text';
import { disconnectAccountWorkflow } from '../workflows/disconnect-account';
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
import { answering } from './deadline';
import { GrpcStatus, grpcStatus } from './grpc-status';
import {
  failureSentence,
  type HistoryEvent,
  jsonOf,
  readableHistory,
  timeOf,
} from './readable-history';

/** In the order of Temporal's enum values, from 1. */
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
/** The status names in visibility queries. */
const QUERY_STATUS: Record<WorkflowStatus, string> = {
  running: 'Running',
  completed: 'Completed',
  failed: 'Failed',
  canceled: 'Canceled',
  terminated: 'Terminated',
  continued_as_new: 'ContinuedAsNew',
  timed_out: 'TimedOut',
};

export const WORKFLOW_TYPES = ['refresh', 'sweep', 'batch', 'validation', 'disconnection'] as const;
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
  /** `null` while the sweep runs, and if it has no result. */
  summary: SweepSummary | null;
  /** Why there is no result. */
  failure: string | null;
}

/** A workflow must match each member, and any value of a member with several. */
export interface WorkflowFilters {
  type?: WorkflowType | readonly WorkflowType[] | undefined;
  provider?: string | readonly string[] | undefined;
  accountId?: string | undefined;
  /** The beginning of the workflow id. */
  idPrefix?: string | undefined;
  source?: string | readonly string[] | undefined;
  outcome?: string | readonly string[] | undefined;
  status?: WorkflowStatus | readonly WorkflowStatus[] | undefined;
  /** Started at or after this time. */
  from?: Date | undefined;
  /** Started before this time. */
  to?: Date | undefined;
}

interface Page {
  limit: number;
  /** `next` of the previous page; wraps Temporal's page token. */
  cursor?: string | undefined;
}

export interface WorkflowHistory extends ListedWorkflow {
  /** Address in Temporal's web UI; `null` if the UI's address is not configured. */
  uiUrl: string | null;
  events: HistoryEvent[];
  pending: PendingActivity[];
}

/** An activity that Temporal retries; its attempts appear in no history until it ends. */
interface PendingActivity {
  activity: string;
  attempt: number;
  failure: string | null;
  nextRetryAt: Date | null;
}

/** The caller on whose behalf workflows are read or terminated. */
type Caller = Pick<Principal, 'organisation' | 'scopes'>;

export interface WorkflowClient {
  /**
   * The refreshes of the caller's organisation, and the sweeps. Batches are numerous, and are listed only on request.
   * @throws {InsufficientScope} if the caller asks for batches and is no operator
   */
  list(
    caller: Caller,
    filters: WorkflowFilters,
    page: Page,
  ): Promise<{ items: ListedWorkflow[]; next: string | null }>;
  /**
   * The number of workflows that `list` returns for these filters.
   * @throws {InsufficientScope} as `list`
   */
  count(caller: Caller, filters: WorkflowFilters): Promise<number>;
  /** Includes results only for operators, because the counts cover the accounts of all organisations. */
  sweeps(
    caller: Caller,
    filters: Pick<WorkflowFilters, 'provider' | 'status'>,
    page: Page,
  ): Promise<{ items: ListedSweep[]; next: string | null }>;
  /** @throws {ServiceError} `not_found` if absent or of another organisation */
  history(caller: Caller, workflowId: string, runId: string | undefined): Promise<WorkflowHistory>;
  /** The results of these sweeps, for an operator. */
  results(caller: Caller, sweeps: readonly ListedWorkflow[]): Promise<ListedSweep[]>;
  /**
   * Terminates a run at once.
   * @throws {ServiceError} `not_found` if absent or of another organisation; `conflict` if it has ended, or a grant
   * would be lost; `forbidden`: workflows of an account need the scope `admin`, all others `operator`
   */
  terminate(
    caller: Caller,
    workflowId: string,
    runId: string | undefined,
    reason: string,
  ): Promise<Pick<ListedWorkflow, 'workflowId' | 'runId'>>;
  /** @param organisation the organisation that the count of refreshes is for; `null` for none */
  running(organisation: string | null): Promise<{ sweeps: number; refreshes: number }>;
  /** The number of workers that polled recently. */
  workers(): Promise<number>;
}

const SWEEP = sweepWorkflow.name;
const BATCH = refreshBatchWorkflow.name;
const REFRESH = refreshAccountWorkflow.name;
const VALIDATION = validateAccountWorkflow.name;
const DISCONNECTION = disconnectAccountWorkflow.name;
const NAMES: Readonly<Record<WorkflowType, string>> = {
  sweep: SWEEP,
  batch: BATCH,
  refresh: REFRESH,
  validation: VALIDATION,
  disconnection: DISCONNECTION,
};
/** The activities that may hold a grant which is stored nowhere else. */
const HOLD_GRANTS: ReadonlySet<string> = new Set(['persistGrant', 'refreshBatch']);
/** How recently a worker must have polled to count as running, in ms. Workers poll at least once a minute. */
const WORKER_SEEN_WITHIN_MS = 90_000;

/** @param uiUrl the address of Temporal's web UI; `null` if not configured */
export function createWorkflowClient(
  client: Client,
  taskQueue: string,
  uiUrl: string | null = null,
): WorkflowClient {
  const { namespace } = client.options;

  async function page(query: string, { limit, cursor }: Page) {
    const [pageToken] = cursor === undefined ? [] : (decodeCursor(cursor, 1) ?? ['']);
    if (pageToken === '') throw badCursor();
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
      if (pageToken !== undefined && isInvalidArgument(error)) throw badCursor();
      throw error;
    }
  }

  async function countRunning(query: string): Promise<number> {
    return (await client.workflow.count(`${query} AND ExecutionStatus = "Running"`)).count;
  }

  async function withResult(caller: Caller, sweep: ListedWorkflow): Promise<ListedSweep> {
    if (sweep.status === 'running' || !hasScope(caller, 'operator'))
      return { ...sweep, summary: null, failure: null };
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
      // Visibility may briefly outlive a history.
      if (error instanceof WorkflowNotFoundError)
        return { ...sweep, summary: null, failure: 'Temporal no longer keeps its history.' };
      throw error;
    }
  }

  /** A run that the caller may see, as Temporal describes it. */
  async function described(caller: Caller, workflowId: string, runId: string | undefined) {
    try {
      const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
      const info = raw.workflowExecutionInfo ?? {};
      const isOwn =
        hasScope(caller, 'read') && attribute(info, EvergrantOrg.name) === caller.organisation;
      const type = info.type?.name;
      const ofAccount = [REFRESH, VALIDATION, DISCONNECTION].includes(type ?? '');
      const isShown =
        type === SWEEP || (ofAccount && isOwn) || (type === BATCH && hasScope(caller, 'operator'));
      if (!isShown) throw notFound(`workflow ${workflowId}`);
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
    async list(caller, filters, at) {
      const query = listQuery(caller, filters);
      return answering(client, () => page(query, at));
    },
    async count(caller, filters) {
      const query = listQuery(caller, filters);
      return answering(client, async () => (await client.workflow.count(query)).count);
    },
    sweeps(caller, { provider, status }, at) {
      const terms = [
        term('WorkflowType', SWEEP),
        term(EvergrantProvider.name, provider),
        // A sweep of many pages continues as new; its last run has the summary of the whole sweep.
        status === undefined
          ? 'ExecutionStatus != "ContinuedAsNew"'
          : term(
              'ExecutionStatus',
              [status].flat().map((one) => QUERY_STATUS[one]),
            ),
      ];
      return answering(client, async () => {
        const { items, next } = await page(terms.flat().join(' AND '), at);
        return { items: await Promise.all(items.map((one) => withResult(caller, one))), next };
      });
    },
    history: (caller, workflowId, runId) =>
      answering(client, async () => {
        const { raw, workflow } = await described(caller, workflowId, runId);
        const isWhole = isOfAccount(workflow) || hasScope(caller, 'operator');
        // Reads exactly the described run, in case another one starts now.
        const history = await client.workflow.getHandle(workflowId, workflow.runId).fetchHistory();
        const events = readableHistory(history.events ?? [], {
          organisation: hasScope(caller, 'read') ? caller.organisation : null,
          isWhole,
        });
        const pending = (isWhole ? (raw.pendingActivities ?? []) : []).map((activity) => ({
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
    results: (caller, sweeps) =>
      answering(client, () => Promise.all(sweeps.map((one) => withResult(caller, one)))),
    terminate: (caller, workflowId, runId, reason) =>
      answering(client, async () => {
        const { raw, workflow } = await described(caller, workflowId, runId);
        demandScope(caller, isOfAccount(workflow) ? 'admin' : 'operator');
        const ended = new ServiceError('conflict', 'The workflow has already ended.');
        if (workflow.status !== 'running') throw ended;
        const pending = (raw.pendingActivities ?? []).map(({ activityType }) => activityType?.name);
        if (pending.some((name) => HOLD_GRANTS.has(name ?? ''))) {
          throw new ServiceError(
            'conflict',
            'This workflow may hold a refreshed grant that is not stored yet. Terminating it would lose that grant. Try again when it has finished.',
          );
        }
        try {
          await client.workflow.getHandle(workflowId, workflow.runId).terminate(visible(reason));
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
          organisation === null
            ? 0
            : countRunning(
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

/** The visibility query of the workflows that a caller may list. */
function listQuery(
  caller: Caller,
  { type, provider, accountId, idPrefix, source, outcome, status, from, to }: WorkflowFilters,
): string {
  const types = type === undefined ? undefined : [type].flat();
  const asksForBatches = types?.includes('batch') === true;
  if (asksForBatches) demandScope(caller, 'operator');
  const ownTypes = [`WorkflowType = ${quoted(SWEEP)}`];
  if (hasScope(caller, 'read'))
    ownTypes.unshift(`${EvergrantOrg.name} = ${quoted(caller.organisation)}`);
  if (asksForBatches) ownTypes.push(`WorkflowType = ${quoted(BATCH)}`);
  const terms = [
    ownTypes.length === 1 ? ownTypes : `(${ownTypes.join(' OR ')})`,
    term(
      'WorkflowType',
      types?.map((one) => NAMES[one]),
    ),
    term(EvergrantProvider.name, provider),
    term(EvergrantAccount.name, accountId),
    idPrefix === undefined ? [] : `WorkflowId STARTS_WITH ${quoted(idPrefix)}`,
    term(EvergrantSource.name, source),
    term(EvergrantOutcome.name, outcome),
    term(
      'ExecutionStatus',
      status === undefined ? undefined : [status].flat().map((one) => QUERY_STATUS[one]),
    ),
    from === undefined ? [] : `StartTime >= ${quoted(from.toISOString())}`,
    to === undefined ? [] : `StartTime < ${quoted(to.toISOString())}`,
  ];
  return terms.flat().join(' AND ');
}

/** Whether a workflow belongs to an account, and so to an organisation; sweeps and batches belong to none. */
function isOfAccount({ type }: Pick<ListedWorkflow, 'type'>): boolean {
  return type === 'refresh' || type === 'validation' || type === 'disconnection';
}

/** A first attempt runs in the workflow task, of which Temporal reports only that it is in progress. */
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

/** gRPC's status for a malformed page token or id. */
function isInvalidArgument(error: unknown): boolean {
  return grpcStatus(error) === GrpcStatus.invalidArgument;
}

function badCursor(): ServiceError {
  return new ServiceError('invalid_request', invalidCursor('cursor'));
}

function term(name: string, value: string | readonly string[] | undefined): string[] {
  if (value === undefined) return [];
  const [first, ...others] = [value].flat();
  if (first === undefined) return [];
  return others.length === 0
    ? [`${name} = ${quoted(first)}`]
    : [`${name} IN (${[first, ...others].map(quoted).join(', ')})`];
}

/** A value in a visibility query, with quotes and backslashes escaped. */
function quoted(value: string): string {
  return `"${value.replace(/[\\"]/g, '\\$&')}"`;
}
