/** A request that shows whether Temporal answers, and has the namespace. */
import type { Client } from '@temporalio/client';

const PING_MS = 3_000;

/** Rejects if Temporal does not answer. */
export async function pingTemporal(client: Client): Promise<void> {
  await client.connection.withDeadline(Date.now() + PING_MS, () =>
    client.workflowService.describeNamespace({ namespace: client.options.namespace }),
  );
}

/** The version of the Temporal server. Rejects if it does not answer. */
export async function temporalVersion(client: Client): Promise<string> {
  const { serverVersion } = await client.connection.withDeadline(Date.now() + PING_MS, () =>
    client.workflowService.getSystemInfo({}),
  );
  return serverVersion || 'unknown';
}
