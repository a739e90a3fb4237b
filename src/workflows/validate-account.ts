/**
 * The validation of one account, asked for by hand. Its workflow id is the account's, so that one question serves all
 * who ask while it is under way. A sweep validates in batches instead.
 */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  executeChild,
  log,
  ParentClosePolicy,
  proxyActivities,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities';
import type { AttemptOutcome } from '../domain/refresh-attempt';
import type { DueAccount } from '../domain/sweep';
import type { ValidationOutcome, ValidationRequest } from '../domain/validation';
import {
  REPLACED_AFTER,
  refreshAccountWorkflow,
  refreshAccountWorkflowId,
} from './refresh-account';
import {
  EvergrantAccount,
  EvergrantOrg,
  EvergrantOutcome,
  EvergrantProvider,
  EvergrantSource,
} from './search-attributes';

// A validation spends nothing: a worker that vanished, or a database that is away, is a reason to ask again.
const { validateAccount } = proxyActivities<Activities>({
  startToCloseTimeout: '30s',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumAttempts: 5 },
});

export interface ValidateAccountWorkflowInput {
  accountId: string;
  provider: string;
  /** For people, in summaries. */
  label: string;
  request: ValidationRequest;
}

export function validateAccountWorkflowId(accountId: string): string {
  return `validate-account/${accountId}`;
}

/** Somebody waits: a network that does not come back within these is said to be away. */
const PAUSES_MS = [1_000, 4_000];

/** Asks, and asks again where the network or the provider was in the way; refreshes once where the token was refused. */
export async function validateAccountWorkflow(
  input: ValidateAccountWorkflowInput,
): Promise<ValidationOutcome> {
  const { accountId, label, request } = input;
  for (let attempt = 0; ; attempt += 1) {
    const attemptId = `${workflowInfo().runId}-${attempt + 1}`;
    const { validation, toRefresh } = await validateAccount.executeWithOptions(
      { summary: `${label}: does its access token work?` },
      [{ accountId, attemptId, request }],
    );
    const pauseMs = PAUSES_MS[attempt];
    if (validation.failure?.class === 'provider' && pauseMs !== undefined) {
      await sleep(pauseMs);
      continue;
    }
    upsertSearchAttributes([
      { key: EvergrantOutcome, value: validation.failure?.code ?? validation.outcome },
    ]);
    return toRefresh === null
      ? validation
      : { ...validation, refresh: await refresh(toRefresh, input) };
  }
}

/** `null`: a refresh of the account is under way already, or did not come to an end; its own entry will tell. */
async function refresh(
  { accountId, organisation, label }: DueAccount,
  { provider, request: { source, caller, capture } }: ValidateAccountWorkflowInput,
): Promise<AttemptOutcome | null> {
  const requestedAt = new Date().toISOString();
  try {
    return await executeChild(refreshAccountWorkflow, {
      workflowId: refreshAccountWorkflowId(accountId),
      args: [{ accountId, label, request: { source, caller, capture, requestedAt, force: true } }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowTaskTimeout: REPLACED_AFTER,
      staticSummary: `Refresh ${label} (${provider}), whose access token was refused`,
      typedSearchAttributes: [
        { key: EvergrantProvider, value: provider },
        { key: EvergrantAccount, value: accountId },
        { key: EvergrantOrg, value: organisation },
        { key: EvergrantSource, value: source },
      ],
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError))
      log.warn('the refresh after a refused validation failed', { account_id: accountId });
    return null;
  }
}
