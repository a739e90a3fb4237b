/**
 * Requests refreshes and sweeps from Temporal. Callers in one process that want the same account share one request, and
 * requests of all processes share the account's workflow, so that one refresh runs per account.
 */
import { randomUUID } from 'node:crypto';
import {
  ApplicationFailure,
  type Client,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import type { Account } from '../domain/account/account';
import type { ValidationOutcome, ValidationRequest } from '../domain/account/validation';
import type { LogSource } from '../domain/logs/log-entry';
import { safeError } from '../domain/masking/safe-error';
import type { AttemptOutcome, RefreshRequest } from '../domain/refresh/refresh-attempt';
import { ServiceError } from '../domain/service-error';
import { visible } from '../domain/text/visible-text';
import type { Provider } from '../providers/provider';
import type { Store } from '../store/store';
import { beginSpan } from '../tracing/span';
import {
  REPLACED_AFTER,
  refreshAccountWorkflow,
  refreshAccountWorkflowId,
  requestRefreshUpdate,
} from '../workflows/refresh-account';
import { refreshBatchWorkflow, refreshBatchWorkflowId } from '../workflows/refresh-batch';
import {
  EvergrantAccount,
  EvergrantOrg,
  EvergrantProvider,
  EvergrantSource,
} from '../workflows/search-attributes';
import { sweepAgainSignal, sweepWorkflow } from '../workflows/sweep';
import { validateAccountWorkflow, validateAccountWorkflowId } from '../workflows/validate-account';
import { GrpcStatus, grpcStatus } from './grpc-status';
import { pingTemporal, temporalVersion } from './ping';
import { RefreshGroups, type Wanted } from './refresh-groups';
import { type RefreshProgress, refreshProgress } from './refresh-progress';
import { within } from './within';

/** How long, in ms, a request waits for an outcome; the refresh itself continues. */
const WAIT_MS = 60_000;
const STILL_RUNNING =
  'The refresh is still running after a minute. Check its log entry for the result.';
/** Requests per refresh, if the workflow task that carries the request fails. */
const ASKED_MAX = 5;

interface StartedSweep {
  workflowId: string;
  runId: string;
}

const triggeredSweepId = (provider: Provider) => `sweep/${provider.id}/triggered`;

export interface RefreshClient {
  /** @throws {ServiceError} `still_running` after a minute; `database_unavailable` in a long outage of MongoDB */
  refresh(
    account: Account,
    request: RefreshRequest,
  ): Promise<AttemptOutcome & { workflowId: string }>;
  /**
   * Refreshes for a token request with `minValidSeconds`, batched with concurrent requests for other accounts.
   * @param account as read for this request
   * @throws {ServiceError} `still_running` after a minute; `database_unavailable` in a long outage of MongoDB
   */
  refreshForUse(account: Account, request: RefreshRequest): Promise<AttemptOutcome>;
  /** @throws {ServiceError} `still_running` after a minute */
  validate(
    account: Account,
    request: ValidationRequest,
  ): Promise<ValidationOutcome & { workflowId: string }>;
  /** The progress of the account's refresh; `null` if none is running. */
  progress(account: Account): Promise<RefreshProgress | null>;
  /** Starts a sweep, or signals the triggered sweep that is running to make another pass. */
  startSweep(provider: Provider): Promise<StartedSweep>;
  /** Rejects if Temporal does not answer. */
  ping(): Promise<void>;
  /** The version of the Temporal server. */
  serverVersion(): Promise<string>;
}

function searchAttributes(account: Account, source: LogSource) {
  return [
    { key: EvergrantProvider, value: account.provider },
    { key: EvergrantAccount, value: account.id },
    { key: EvergrantOrg, value: account.organisation },
    { key: EvergrantSource, value: source },
  ];
}

export function createRefreshClient(
  client: Client,
  taskQueue: string,
  store: Pick<Store, 'grants' | 'logEntries'>,
): RefreshClient {
  const underWay = new Map<string, Promise<AttemptOutcome>>();
  const groups = new RefreshGroups(store, { alone: share, together: startBatch });

  const ping = () => pingTemporal(client);

  async function requestRefresh(
    account: Account,
    request: RefreshRequest,
  ): Promise<AttemptOutcome> {
    const startWorkflowOperation = new WithStartWorkflowOperation(refreshAccountWorkflow, {
      workflowId: refreshAccountWorkflowId(account.id),
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      taskQueue,
      workflowTaskTimeout: REPLACED_AFTER,
      args: [{ accountId: account.id, label: account.label, request }],
      staticSummary: `Refresh ${visible(account.label)} (${account.provider})`,
      typedSearchAttributes: searchAttributes(account, request.source),
    });
    // The update waits for the outcome without a limit, so check first that Temporal is reachable.
    await ping();
    return client.workflow.executeUpdateWithStart(requestRefreshUpdate, {
      startWorkflowOperation,
      updateId: randomUUID(),
      args: [request],
    });
  }

  /** Requests again if the workflow task was replayed: the request was dropped with it, while the attempt was not. */
  async function requestRefreshPatiently(
    account: Account,
    request: RefreshRequest,
  ): Promise<AttemptOutcome> {
    for (let asked = 1; ; asked += 1) {
      try {
        return await requestRefresh(account, request);
      } catch (error) {
        if (isDatabaseOutage(error))
          throw new ServiceError('database_unavailable', error.cause.message);
        if (!isTaskFailed(error) || asked === ASKED_MAX) throw error;
      }
    }
  }

  function share(account: Account, request: RefreshRequest): Promise<AttemptOutcome> {
    // A reconnect interrupts the pause that others may be waiting for, so it must reach the workflow itself.
    const key = request.reconnect === true ? `reconnect/${account.id}` : account.id;
    let shared = underWay.get(key);
    if (shared === undefined) {
      shared = requestRefreshPatiently(account, request).finally(() => underWay.delete(key));
      underWay.set(key, shared);
    }
    return within(WAIT_MS, shared, STILL_RUNNING);
  }

  /** @param wanted accounts of one provider, at least one */
  async function startBatch(wanted: readonly Wanted[]) {
    const [first] = wanted;
    if (first === undefined) throw new TypeError('a batch needs at least one account');
    const { provider } = first.account;
    await ping();
    const batch = await client.workflow.start(refreshBatchWorkflow, {
      workflowId: refreshBatchWorkflowId('api', randomUUID()),
      taskQueue,
      args: [
        {
          provider,
          accounts: wanted.map(({ account, request }) => ({
            accountId: account.id,
            organisation: account.organisation,
            environment: account.environment,
            label: account.label,
            request,
          })),
          request: first.request,
        },
      ],
      staticSummary: `Refresh ${wanted.length} accounts (${provider})`,
      typedSearchAttributes: [
        { key: EvergrantProvider, value: provider },
        { key: EvergrantSource, value: first.request.source },
      ],
    });
    return {
      result: (until: AbortSignal) => client.withAbortSignal(until, () => batch.result()),
    };
  }

  /** `null` if a sweep is running. */
  async function startSweep(provider: Provider): Promise<StartedSweep | null> {
    try {
      const handle = await client.workflow.start(sweepWorkflow, {
        workflowId: triggeredSweepId(provider),
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
        taskQueue,
        args: [{ provider: provider.id }],
        staticSummary: `Sweep: refresh the due ${provider.adapter.displayName} accounts (triggered)`,
        typedSearchAttributes: [
          { key: EvergrantProvider, value: provider.id },
          { key: EvergrantSource, value: 'api' },
        ],
      });
      return { workflowId: handle.workflowId, runId: handle.firstExecutionRunId };
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) return null;
      throw error;
    }
  }

  /** Signals the running sweep to make another pass: it may have read its due list. `null` if it has just ended. */
  async function sweepAgain(provider: Provider): Promise<StartedSweep | null> {
    const handle = client.workflow.getHandle(triggeredSweepId(provider));
    try {
      await handle.signal(sweepAgainSignal);
      return { workflowId: handle.workflowId, runId: (await handle.describe()).runId };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return null;
      throw error;
    }
  }

  return {
    async refresh(account, request) {
      const outcome = await traced(account, request, async (asked) => {
        const first = await share(account, asked);
        // A forced refresh may have joined an unforced one of this process, which found nothing due.
        const isOthers = first.outcome === 'skipped' && first.logEntryId === null;
        return request.force && isOthers && first.heldForMs === undefined
          ? share(account, asked)
          : first;
      });
      return { ...outcome, workflowId: refreshAccountWorkflowId(account.id) };
    },
    refreshForUse: (account, request) =>
      traced(account, request, (asked) => {
        // A forced refresh is due under no policy; it is rare, and is not batched.
        const refresh = asked.force ? share(account, asked) : groups.refresh(account, asked);
        return within(WAIT_MS, refresh, STILL_RUNNING);
      }),
    async validate(account, request) {
      await ping();
      const workflowId = validateAccountWorkflowId(account.id);
      const handle = await client.workflow.start(validateAccountWorkflow, {
        workflowId,
        // Concurrent callers share one validation.
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
        taskQueue,
        args: [
          { accountId: account.id, provider: account.provider, label: account.label, request },
        ],
        staticSummary: `Validate ${visible(account.label)} (${account.provider})`,
        typedSearchAttributes: searchAttributes(account, request.source),
      });
      const outcome = await within(
        WAIT_MS,
        handle.result(),
        'The validation is still running after a minute. Check its log entry for the result.',
      );
      return { ...outcome, workflowId };
    },
    progress: ({ id }) => refreshProgress(client, id),
    async startSweep(provider) {
      await ping();
      for (;;) {
        const started = (await startSweep(provider)) ?? (await sweepAgain(provider));
        if (started !== null) return started;
      }
    },
    ping,
    serverVersion: () => temporalVersion(client),
  };
}

/**
 * Sends a request within a new span. The attempt that serves it continues the trace. A caller that joins the
 * request of another finds that one's attempt by the id of its log entry.
 */
async function traced(
  { id, provider, environment }: Account,
  request: RefreshRequest,
  send: (request: RefreshRequest) => Promise<AttemptOutcome>,
): Promise<AttemptOutcome> {
  const span = beginSpan(
    'refresh request',
    {
      'evergrant.account_id': id,
      'evergrant.provider': provider,
      'evergrant.environment': environment,
      'evergrant.source': request.source,
    },
    undefined,
  );
  try {
    const outcome = await send(
      span.context === undefined ? request : { ...request, trace: span.context },
    );
    span.set({
      'evergrant.outcome': outcome.outcome,
      'evergrant.log_entry_id': outcome.logEntryId,
      'evergrant.failure_code': outcome.failure?.code ?? null,
    });
    span.end(outcome.failure?.code);
    return outcome;
  } catch (error) {
    span.end(error instanceof ServiceError ? error.code : safeError(error).name);
    throw error;
  }
}

/** Whether the workflow refused to keep a caller waiting while MongoDB is unreachable. */
function isDatabaseOutage(
  error: unknown,
): error is WorkflowUpdateFailedError & { cause: ApplicationFailure } {
  if (!(error instanceof WorkflowUpdateFailedError)) return false;
  const { cause } = error;
  return cause instanceof ApplicationFailure && cause.type === 'database_unavailable';
}

/** Whether the workflow task that carried an update failed. */
function isTaskFailed(error: unknown): boolean {
  return grpcStatus(error) === GrpcStatus.failedPrecondition;
}
