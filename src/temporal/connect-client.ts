/** Hands a consent to Temporal while MongoDB is unreachable. */
import { type Client, WorkflowIdConflictPolicy } from '@temporalio/client';
import type { ConsentRecord } from '../domain/connect/consent-record';
import { visible } from '../domain/text/visible-text';
import { EvergrantProvider } from '../workflows/search-attributes';
import { storeConsentWorkflow } from '../workflows/store-consent';
import { answering } from './deadline';

export interface ConnectClient {
  /** Starts the workflow that stores the consent. Resolves once Temporal has accepted it. */
  storeLater(record: ConsentRecord): Promise<void>;
}

export function createConnectClient(client: Client, taskQueue: string): ConnectClient {
  return {
    storeLater: (record) =>
      answering(client, async () => {
        await client.workflow.start(storeConsentWorkflow, {
          workflowId: `connect/${record.sessionId}`,
          workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
          taskQueue,
          args: [record],
          staticSummary: `Store the consent for ${visible(record.label)}`,
          typedSearchAttributes: [{ key: EvergrantProvider, value: record.provider }],
        });
      }),
  };
}
