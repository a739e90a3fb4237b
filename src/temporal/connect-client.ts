/** Starts the workflows that store a consent and that disconnect an account. */
import { type Client, WorkflowIdConflictPolicy } from '@temporalio/client';
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
  /** @returns the id of the account's disconnection: the running one, or else a new one */
  disconnect(account: Account, by: string): Promise<string>;
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
  };
}
