/** (f) Evergrant: one worker as in production, and a sweep that is triggered as the API does it. Whatever it does. */
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { createRefreshClient } from '../../../src/api/refresh-client';
import { sweepScheduleId } from '../../../src/schedule';
import type { sweepWorkflow } from '../../../src/workflows/sweep';
import { configuredProviders } from '../accounts';
import { endChild, startChild } from '../child';
import { PROVIDER, type Setting, type Side } from '../side';

const BUILD = join(__dirname, '..', '..', '..', 'build');
const TASK_QUEUE = 'evergrant';
const READY_WITHIN_MS = 60_000;

export const side: Side = {
  name: '(f) Evergrant',
  // Its own: it has no knob.
  concurrencies: [],
  async start(setting) {
    const { address, namespace } = setting.temporal;
    const connection = await Connection.connect({ address });
    await createNamespace(connection, namespace);
    const client = new Client({ connection, namespace });
    const provider = configuredProviders(setting).find(PROVIDER);
    if (provider === undefined) throw new Error('the provider is not configured');
    const refreshes = createRefreshClient(client, TASK_QUEUE);
    const worker = await startWorker(setting);
    await sweepsEnded(client);
    return {
      async refreshDue(due) {
        const { workflowId, runId } = await refreshes.startSweep(provider);
        const summary = await client.workflow
          .getHandle<typeof sweepWorkflow>(workflowId, runId)
          .result();
        if (summary.refreshed !== due)
          throw new Error(`the sweep refreshed ${summary.refreshed} of ${due}`);
      },
      async stop() {
        await endChild(worker);
        await connection.close();
      },
    };
  },
};

async function startWorker(setting: Setting): Promise<ChildProcess> {
  const log = openSync(setting.logFile, 'a');
  const worker = startChild(process.execPath, [join(BUILD, 'worker', 'main.js')], {
    env: {
      PATH: process.env['PATH'],
      MONGODB_URI: setting.mongodbUri,
      TEMPORAL_ADDRESS: setting.temporal.address,
      TEMPORAL_NAMESPACE: setting.temporal.namespace,
      TEMPORAL_TASK_QUEUE: TASK_QUEUE,
      ENCRYPTION_KEYS: setting.encryptionKeys,
      PROVIDERS_FILE: setting.providersFile,
    },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!readFileSync(setting.logFile, 'utf8').includes('worker ready')) {
    if (worker.exitCode !== null || Date.now() > deadline)
      throw new Error(`the worker did not start; see ${setting.logFile}`);
    await delay(50);
  }
  return worker;
}

/** Neither the sweep that a worker's start triggers nor one of the schedule is to take part in what is measured. */
async function sweepsEnded(client: Client): Promise<void> {
  const schedule = client.schedule.getHandle(sweepScheduleId(PROVIDER));
  await schedule.pause('the bench triggers its own sweeps');
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const { recentActions } = (await schedule.describe()).info;
    for (const { action } of recentActions)
      await client.workflow.getHandle(action.workflow.workflowId).result();
    if (recentActions.length > 0) return;
    if (Date.now() > deadline) throw new Error('the worker triggered no sweep at its start');
    await delay(100);
  }
}

/** Workflow ids and schedules of one run are its own. */
async function createNamespace(connection: Connection, namespace: string): Promise<void> {
  await connection.workflowService.registerNamespace({
    namespace,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a Long, where a number does as well
    workflowExecutionRetentionPeriod: { seconds: (24 * 3600) as never },
  });
  const deadline = Date.now() + READY_WITHIN_MS;
  // Known to the whole server a moment later.
  for (;;) {
    try {
      await connection.workflowService.describeNamespace({ namespace });
      const { count } = await new Client({ connection, namespace }).workflow.count();
      if (count === 0) return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await delay(100);
  }
}
