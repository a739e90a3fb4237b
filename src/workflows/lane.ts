/** How the other workflows reach the one that watches a closed lane. */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  defineSignal,
  getExternalWorkflowHandle,
  ParentClosePolicy,
  startChild,
} from '@temporalio/workflow';
import type { LaneTurn } from '../domain/refresh-attempt';
import { EvergrantProvider, EvergrantSource } from './search-attributes';

export interface LaneName {
  provider: string;
  environment: string;
}

/** Somebody else found out that the lane has healed. */
export const laneOpenedSignal = defineSignal('laneOpened');

const watchId = ({ provider, environment }: LaneName) => `lane/${provider}/${environment}`;

/** Has the lane watched until it is open again; nothing more where it is already. */
export async function watchLane({ provider, environment }: LaneName): Promise<void> {
  try {
    // By name: the watching workflow itself starts refreshes, and sweeps.
    await startChild('watchLaneWorkflow', {
      workflowId: watchId({ provider, environment }),
      args: [{ provider, environment }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `Watch the OAuth app of ${provider} (${environment}) until it is served again`,
      typedSearchAttributes: [
        { key: EvergrantProvider, value: provider },
        { key: EvergrantSource, value: 'scheduled' },
      ],
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

/** Sees to it that what an attempt did to its lane is followed up. */
export async function followLane({ state, ...name }: LaneTurn): Promise<void> {
  if (state === 'closed') return watchLane(name);
  try {
    await getExternalWorkflowHandle(watchId(name)).signal(laneOpenedSignal);
  } catch {
    // Nobody watches: the next sweep finds the lane open.
  }
}
