/** Starts and signals the workflow that watches an OAuth app during an incident. */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  defineSignal,
  getExternalWorkflowHandle,
  ParentClosePolicy,
  startChild,
} from '@temporalio/workflow';
import type { CircuitChange } from '../domain/refresh/refresh-attempt';
import { EvergrantProvider, EvergrantSource } from './search-attributes';

export interface AppName {
  provider: string;
  environment: string;
}

/** An attempt outside of the watching workflow was served, so the circuit closed. */
export const circuitClosedSignal = defineSignal('circuitClosed');

const watchId = ({ provider, environment }: AppName) => `app/${provider}/${environment}`;

/** The input of the watching workflow. */
export interface WatchedApp extends AppName {
  /** Whether the circuit is open, so that due accounts are swept when it closes; otherwise the app is only suspected. */
  isOpen: boolean;
}

/** Starts the workflow that watches the app until it is healthy, unless it runs already. */
export async function watchApp({ provider, environment, isOpen }: WatchedApp): Promise<void> {
  try {
    // By name, because the watching workflow itself imports refreshes and sweeps.
    await startChild('watchAppWorkflow', {
      workflowId: watchId({ provider, environment }),
      args: [{ provider, environment, isOpen }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `Watch the OAuth app of ${provider} (${environment}) until the provider serves it again`,
      typedSearchAttributes: [
        { key: EvergrantProvider, value: provider },
        { key: EvergrantSource, value: 'scheduled' },
      ],
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

/** Follows up a change that an attempt made to its app's circuit. */
export async function followApp({ state, ...name }: CircuitChange): Promise<void> {
  if (state !== 'circuit_closed') return watchApp({ ...name, isOpen: state === 'circuit_opened' });
  try {
    await getExternalWorkflowHandle(watchId(name)).signal(circuitClosedSignal);
  } catch {
    // No workflow watches: the next sweep finds the circuit closed.
  }
}
