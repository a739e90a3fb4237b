/**
 * Watches a closed lane: one account probes when it may, until the provider serves the OAuth app again; then what is
 * due is swept at once. One for each lane, by its workflow id; started by whoever closed the lane, or by a sweep.
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
import type { DueAccount } from '../domain/sweep';
import { type LaneName, laneOpenedSignal } from './lane';
import {
  goesOnSignal,
  REPLACED_AFTER,
  refreshAccountWorkflow,
  refreshAccountWorkflowId,
} from './refresh-account';
import {
  EvergrantAccount,
  EvergrantOrg,
  EvergrantProvider,
  EvergrantSource,
} from './search-attributes';
import { sweepAgainSignal, sweepWorkflow } from './sweep';

const { lookAtLane } = proxyActivities<Activities>({
  startToCloseTimeout: '30s',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
});

/** Beyond this a fresh run goes on. */
const HISTORY_EVENTS_MAX = 2_000;

export async function watchLaneWorkflow(lane: LaneName): Promise<void> {
  const { provider, environment } = lane;
  let opened = false;
  /** Accounts whose probe goes on trying by itself. */
  const goingOn = new Set<string>();
  setHandler(laneOpenedSignal, () => {
    opened = true;
  });
  setHandler(goesOnSignal, ({ accountId }) => {
    goingOn.add(accountId);
  });

  for (;;) {
    opened = false;
    const look = await lookAtLane.executeWithOptions(
      { summary: `${provider} (${environment}): is it served again?` },
      [lane],
    );
    if (look.state === 'open') break;
    // Nobody can probe; whoever asks for a token may, and a sweep that finds an account has the lane watched again.
    if (look.canaries.length === 0) return;
    if (look.waitMs > 0) await condition(() => opened, look.waitMs);
    else if (!(await probe(lane, look.canaries, goingOn))) await sleep('1s');
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    if (continueAsNewSuggested || historyLength > HISTORY_EVENTS_MAX)
      await continueAsNew<typeof watchLaneWorkflow>(lane);
  }
  await sweepNow(provider);
}

/** @returns whether a request was permitted: the next one is then some time away */
async function probe(
  { provider }: LaneName,
  canaries: readonly DueAccount[],
  goingOn: Set<string>,
): Promise<boolean> {
  for (const { accountId, organisation, label } of canaries) {
    goingOn.delete(accountId);
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
        staticSummary: `Refresh ${label} (${provider}), to find out whether the OAuth app is served again`,
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
      await condition(() => ended || goingOn.has(accountId));
      return sent || goingOn.has(accountId);
    } catch (error) {
      // Its refresh is under way: another may probe.
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  }
  return false;
}

async function sweepNow(provider: string): Promise<void> {
  const workflowId = `sweep/${provider}/triggered`;
  try {
    await startChild(sweepWorkflow, {
      workflowId,
      args: [{ provider }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `Sweep: refresh what is due at ${provider}, which serves again`,
      typedSearchAttributes: [
        { key: EvergrantProvider, value: provider },
        { key: EvergrantSource, value: 'scheduled' },
      ],
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    try {
      await getExternalWorkflowHandle(workflowId).signal(sweepAgainSignal);
    } catch {
      // It has just ended; the schedule starts the next one.
    }
  }
}
