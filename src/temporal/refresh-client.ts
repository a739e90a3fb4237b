/**
 * Asks Temporal for refreshes and sweeps. Callers of one process who want the same account share one request to
 * Temporal, and those of all processes share the account's workflow: single flight by identity.
 */
import { randomUUID } from 'node:crypto';
import {
  type Client,
  isGrpcServiceError,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { Account } from '../domain/account';
import type { LogSource } from '../domain/log-entry';
import type { AttemptOutcome, RefreshRequest } from '../domain/refresh-attempt';
import type { ValidationOutcome, ValidationRequest } from '../domain/validation';
import type { Provider } from '../providers/provider';
import type { Store } from '../store/store';
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
import { RefreshGroups, type Wanted } from './refresh-groups';
import { type RefreshProgress, refreshProgress } from './refresh-progress';
import { within } from './within';

/** So long a request waits for an outcome; the refresh itself goes on. */
const WAIT_MS = 60_000;
const STILL_RUNNING =
  'The refresh goes on, but takes longer than a minute. Its log entry will show how it ends.';
const PING_MS = 3_000;
/** Of one request, where the task that it came with fails. */
const ASKED_MAX = 5;

interface StartedSweep {
  workflowId: string;
  runId: string;
}

const triggeredSweepId = (provider: Provider) => `sweep/${provider.id}/triggered`;

export interface RefreshClient {
  /** @throws {ApiError} `still_running` after a minute */
  refresh(
    account: Account,
    request: RefreshRequest,
  ): Promise<AttemptOutcome & { workflowId: string }>;
  /**
   * For a use, which asks for `minValidSeconds`: with those of other accounts that are asked for at once, in one.
   * @param account as it was read for this request
   * @throws {ApiError} `still_running` after a minute
   */
  refreshForUse(account: Account, request: RefreshRequest): Promise<AttemptOutcome>;
  /** @throws {ApiError} `still_running` after a minute */
  validate(
    account: Account,
    request: ValidationRequest,
  ): Promise<ValidationOutcome & { workflowId: string }>;
  /** How far the account's refresh is; `null`: none runs. */
  progress(account: Account): Promise<RefreshProgress | null>;
  /** Starts a sweep, or has the triggered one that runs look once more. */
  startSweep(provider: Provider): Promise<StartedSweep>;
  /** Whether Temporal answers now. */
  ping(): Promise<void>;
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

  async function ping(): Promise<void> {
    await client.connection.withDeadline(Date.now() + PING_MS, () =>
      client.workflowService.describeNamespace({ namespace: client.options.namespace }),
    );
  }

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
      staticSummary: `Refresh ${account.label} (${account.provider})`,
      typedSearchAttributes: searchAttributes(account, request.source),
    });
    // The update itself waits for the outcome, however long; that Temporal is away is to be said at once.
    await ping();
    return client.workflow.executeUpdateWithStart(requestRefreshUpdate, {
      startWorkflowOperation,
      updateId: randomUUID(),
      args: [request],
    });
  }

  /** Asks once more where the attempt's task was done over: the request was dropped with it, and the outcome was not. */
  async function requestRefreshPatiently(
    account: Account,
    request: RefreshRequest,
  ): Promise<AttemptOutcome> {
    for (let asked = 1; ; asked += 1) {
      try {
        return await requestRefresh(account, request);
      } catch (error) {
        if (!isTaskFailed(error) || asked === ASKED_MAX) throw error;
      }
    }
  }

  function share(account: Account, request: RefreshRequest): Promise<AttemptOutcome> {
    let shared = underWay.get(account.id);
    if (shared === undefined) {
      shared = requestRefreshPatiently(account, request).finally(() => underWay.delete(account.id));
      underWay.set(account.id, shared);
    }
    return within(WAIT_MS, shared, STILL_RUNNING);
  }

  /** @param wanted accounts of one provider, at least one */
  async function startBatch(wanted: readonly Wanted[]) {
    const [first] = wanted;
    if (first === undefined) throw new TypeError('a batch has accounts');
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

  /** `null`: one is running. */
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

  /** Has the one that runs look once more: it may have read its due list already. `null`: it has just ended. */
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
      let outcome = await share(account, request);
      // Who forces a refresh can have joined a caller of this process whose own found nothing due.
      const isOthers = outcome.outcome === 'skipped' && outcome.logEntryId === null;
      if (request.force && isOthers && outcome.heldForMs === undefined) {
        outcome = await share(account, request);
      }
      return { ...outcome, workflowId: refreshAccountWorkflowId(account.id) };
    },
    async refreshForUse(account, request) {
      // What is forced is not due by any clock; it is rare, and goes alone.
      const refresh = request.force ? share(account, request) : groups.refresh(account, request);
      return within(WAIT_MS, refresh, STILL_RUNNING);
    },
    async validate(account, request) {
      await ping();
      const workflowId = validateAccountWorkflowId(account.id);
      const handle = await client.workflow.start(validateAccountWorkflow, {
        workflowId,
        // Whoever asks while one is under way shares its answer.
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
        taskQueue,
        args: [
          { accountId: account.id, provider: account.provider, label: account.label, request },
        ],
        staticSummary: `Validate ${account.label} (${account.provider})`,
        typedSearchAttributes: searchAttributes(account, request.source),
      });
      const outcome = await within(
        WAIT_MS,
        handle.result(),
        'The validation goes on, but takes longer than a minute. Its log entry will show how it ends.',
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
  };
}

/** Temporal's answer to an update that came with a task of the workflow that failed: gRPC's `FAILED_PRECONDITION`. */
function isTaskFailed(error: unknown): boolean {
  const code: number | null = isGrpcServiceError(error) ? error.code : null;
  return code === 9;
}
