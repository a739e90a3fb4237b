/**
 * The validation of one account on request. The workflow id is derived from the account, so that one validation serves
 * all concurrent callers. Sweeps validate in batches instead.
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
import type { ValidationOutcome, ValidationRequest } from '../domain/account/validation';
import type { AttemptOutcome } from '../domain/refresh/refresh-attempt';
import type { DueAccount } from '../domain/refresh/sweep';
import { visible } from '../domain/text/visible-text';
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

// A validation uses nothing up, so it is retried if a worker is lost or MongoDB is unreachable.
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

/** Pauses between attempts, in ms. A caller waits, so a network failure that outlasts them is reported. */
const PAUSES_MS = [1_000, 4_000];

/** Validates, and retries if the network or the provider fails. If the provider refuses the token, refreshes once. */
export async function validateAccountWorkflow(
  input: ValidateAccountWorkflowInput,
): Promise<ValidationOutcome> {
  const { accountId, label, request } = input;
  for (let attempt = 0; ; attempt += 1) {
    const attemptId = `${workflowInfo().runId}-${attempt + 1}`;
    const { validation, toRefresh } = await validateAccount.executeWithOptions(
      { summary: `${visible(label)}: validate the access token` },
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

/** `null` if a refresh of the account is already running or did not complete; its log entry has the result. */
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
      staticSummary: `Refresh ${visible(label)} (${provider}), whose access token was refused`,
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
