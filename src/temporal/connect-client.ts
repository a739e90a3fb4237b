/** Hands a consent to Temporal while MongoDB is unreachable. */
import { type Client, WorkflowIdConflictPolicy, WorkflowNotFoundError } from '@temporalio/client';
import type { ConsentRecord } from '../domain/connect/consent-record';
import { visible } from '../domain/text/visible-text';
import { EvergrantProvider } from '../workflows/search-attributes';
import { storeConsentWorkflow } from '../workflows/store-consent';
import { answering } from './deadline';

export interface ConnectClient {
  /** Starts the workflow that stores the consent. Resolves once Temporal has accepted it. */
  storeLater(record: ConsentRecord): Promise<void>;
  /** Whether that workflow still holds the consent of a session. */
  isStoring(sessionId: string): Promise<boolean>;
}

export function createConnectClient(client: Client, taskQueue: string): ConnectClient {
  return {
    storeLater: (record) =>
      answering(client, async () => {
        await client.workflow.start(storeConsentWorkflow, {
          workflowId: workflowId(record.sessionId),
          workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
          taskQueue,
          args: [record],
          staticSummary: `Store the consent for ${visible(record.label)}`,
          typedSearchAttributes: [{ key: EvergrantProvider, value: record.provider }],
        });
      }),
    isStoring: (sessionId) =>
      answering(client, async () => {
        try {
          const { status } = await client.workflow.getHandle(workflowId(sessionId)).describe();
          return status.name === 'RUNNING';
        } catch (error) {
          if (error instanceof WorkflowNotFoundError) return false;
          throw error;
        }
      }),
  };
}

function workflowId(sessionId: string): string {
  return `connect/${sessionId}`;
}
