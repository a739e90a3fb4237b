/**
 * Watches one OAuth app. While the app is suspected, accounts of other organisations are refreshed at once, until their
 * answers decide. While its circuit is open, one account probes at a time, until the provider serves the app again; then
 * all due accounts are swept at once. Its workflow id allows one per app; an attempt or a sweep starts it.
 */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  ParentClosePolicy,
  proxyActivities,
  setHandler,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities';
import type { DueAccount } from '../domain/refresh/sweep';
import { visible } from '../domain/text/visible-text';
import { type AppName, circuitClosedSignal, type WatchedApp } from './app-limiter';
import {
  REPLACED_AFTER,
  refreshAccountWorkflow,
  refreshAccountWorkflowId,
  retryingSignal,
} from './refresh-account';
import {
  EvergrantAccount,
  EvergrantOrg,
  EvergrantProvider,
  EvergrantSource,
} from './search-attributes';
import { sweepAgainSignal, sweepWorkflow } from './sweep';

const { checkApp } = proxyActivities<Activities>({
  startToCloseTimeout: '30s',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
});

/** Beyond this many events the workflow continues as new. */
const HISTORY_EVENTS_MAX = 2_000;

/** Pause before a suspected app is checked again, if no other account can be asked. */
const SUSPECTED_PAUSE = '5s';

export async function watchAppWorkflow(input: WatchedApp): Promise<void> {
  const { provider, environment } = input;
  const app: AppName = { provider, environment };
  let { isOpen } = input;
  let hasClosed = false;
  /** Accounts whose probe keeps retrying. */
  const retrying = new Set<string>();
  setHandler(circuitClosedSignal, () => {
    hasClosed = true;
  });
  setHandler(retryingSignal, ({ accountId }) => {
    retrying.add(accountId);
  });

  for (;;) {
    hasClosed = false;
    const check = await checkApp.executeWithOptions(
      { summary: `${provider} (${environment}): check whether the provider serves the app` },
      [app],
    );
    if (check.state === 'closed') break;
    isOpen ||= check.state !== 'suspected';
    if (check.probes.length === 0 && check.state === 'suspected') await sleep(SUSPECTED_PAUSE);
    // No account can probe. A caller's refresh may, and a later sweep starts this workflow again.
    else if (check.probes.length === 0) return;
    else if (check.waitMs > 0) await condition(() => hasClosed, check.waitMs);
    else if (!(await probe(app, check.probes, retrying))) await sleep('1s');
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    if (continueAsNewSuggested || historyLength > HISTORY_EVENTS_MAX)
      await continueAsNew<typeof watchAppWorkflow>({ ...app, isOpen });
  }
  if (isOpen) await sweepNow(provider);
}

/** @returns whether a request was sent, so that the next probe is some time away */
async function probe(
  { provider }: AppName,
  probes: readonly DueAccount[],
  retrying: Set<string>,
): Promise<boolean> {
  for (const { accountId, organisation, label } of probes) {
    retrying.delete(accountId);
    try {
      const child = await startChild(refreshAccountWorkflow, {
        workflowId: refreshAccountWorkflowId(accountId),
        args: [
          {
            accountId,
            label,
            request: {
              source: 'scheduled',
              caller: workflowInfo().workflowId,
              requestedAt: new Date().toISOString(),
              force: true,
              capture: false,
              probe: true,
            },
          },
        ],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        workflowTaskTimeout: REPLACED_AFTER,
        staticSummary: `Refresh ${visible(label)} (${provider}) as a probe of its OAuth app`,
        typedSearchAttributes: [
          { key: EvergrantProvider, value: provider },
          { key: EvergrantAccount, value: accountId },
          { key: EvergrantOrg, value: organisation },
          { key: EvergrantSource, value: 'scheduled' },
        ],
      });
      let ended = false;
      let sent = false;
      const end = (didSend: boolean) => {
        sent = didSend;
        ended = true;
      };
      child.result().then(
        ({ exchange }) => end(exchange !== null),
        () => end(false),
      );
      await condition(() => ended || retrying.has(accountId));
      return sent || retrying.has(accountId);
    } catch (error) {
      // Its refresh is running: another account may probe.
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  }
  return false;
}

/** Starts a sweep. A sweep that is already running is signalled to make another pass. */
async function sweepNow(provider: string): Promise<void> {
  const workflowId = `sweep/${provider}/triggered`;
  for (;;) {
    try {
      await startChild(sweepWorkflow, {
        workflowId,
        args: [{ provider }],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        staticSummary: `Sweep: refresh the due ${provider} accounts, because the OAuth app is served again`,
        typedSearchAttributes: [
          { key: EvergrantProvider, value: provider },
          { key: EvergrantSource, value: 'scheduled' },
        ],
      });
      return;
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
    try {
      await getExternalWorkflowHandle(workflowId).signal(sweepAgainSignal);
      return;
    } catch {
      // The running sweep completed before the signal arrived; the next iteration starts one.
      await sleep('1s');
    }
  }
}
