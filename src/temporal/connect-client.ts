/** Starts the workflows that store a consent and that disconnect an account. */
import { type Client, WorkflowIdConflictPolicy, WorkflowNotFoundError } from '@temporalio/client';
import type { Account } from '../domain/account/account';
import type { ConsentRecord } from '../domain/connect/consent-record';
import { visible } from '../domain/text/visible-text';
import {
  disconnectAccountWorkflow,
  disconnectAccountWorkflowId,
} from '../workflows/disconnect-account';
import { EvergrantAccount, EvergrantOrg, EvergrantProvider } from '../workflows/search-attributes';
import { storeConsentWorkflow } from '../workflows/store-consent';
import { answering } from './deadline';

export interface ConnectClient {
  /** Starts the workflow that stores the consent. Resolves once Temporal has accepted it. */
  storeLater(record: ConsentRecord): Promise<void>;
  /** Whether that workflow still holds the consent of a session. */
  isStoring(sessionId: string): Promise<boolean>;
  /** @returns the id of the account's disconnection: the running one, or else a new one */
  disconnect(account: Account, by: string): Promise<string>;
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
    disconnect: ({ id, label, provider, organisation }, by) =>
      answering(client, async () => {
        const handle = await client.workflow.start(disconnectAccountWorkflow, {
          workflowId: disconnectAccountWorkflowId(id),
          workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
          taskQueue,
          args: [{ accountId: id, label, by }],
          staticSummary: `Disconnect ${visible(label)} (${provider})`,
          typedSearchAttributes: [
            { key: EvergrantProvider, value: provider },
            { key: EvergrantAccount, value: id },
            { key: EvergrantOrg, value: organisation },
          ],
        });
        return handle.firstExecutionRunId;
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
