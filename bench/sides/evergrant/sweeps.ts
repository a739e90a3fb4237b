/** The sweeps of one run in a separate namespace, triggered as the API does. */
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { createRefreshClient, type RefreshClient } from '../../../src/temporal/refresh-client';
import type { SweepSummary } from '../../../src/domain/refresh/sweep';
import type { Provider } from '../../../src/providers/provider';
import { sweepScheduleId } from '../../../src/temporal/sweep-schedules';
import type { Store } from '../../../src/store/store';
import type { sweepWorkflow } from '../../../src/workflows/sweep';
import { openStoreAndVault } from '../accounts';
import { PROVIDER, type Setting } from '../side';
import { READY_WITHIN_MS, TASK_QUEUE } from './processes';

interface Sweep {
  summary: SweepSummary;
  workflowId: string;
  /** The first run; the sweep may have continued as new. */
  runId: string;
}

export class Sweeps {
  readonly client: Client;
  readonly #provider: Provider;
  readonly #refreshes: RefreshClient;
  readonly #store: Store;

  private constructor(client: Client, provider: Provider, store: Store) {
    this.client = client;
    this.#provider = provider;
    this.#store = store;
    this.#refreshes = createRefreshClient(client, TASK_QUEUE, store);
  }

  /** Must be called before a worker starts, because the worker needs the namespace. */
  static async open(setting: Setting): Promise<Sweeps> {
    const { address, namespace } = setting.temporal;
    const connection = await Connection.connect({ address });
    await createNamespace(connection, namespace);
    const { store, providers } = await openStoreAndVault(setting);
    const provider = providers.find(PROVIDER);
    if (provider === undefined) throw new Error('the provider is not configured');
    return new Sweeps(new Client({ connection, namespace }), provider, store);
  }

  /**
   * Pauses the schedule and waits for the sweep that the worker's start triggered, so that none disturbs the
   * measurement.
   */
  async ended(): Promise<void> {
    const schedule = this.client.schedule.getHandle(sweepScheduleId(PROVIDER));
    await schedule.pause('the bench triggers its own sweeps');
    const deadline = Date.now() + READY_WITHIN_MS;
    for (;;) {
      const { recentActions } = (await schedule.describe()).info;
      for (const { action } of recentActions)
        await this.client.workflow.getHandle(action.workflow.workflowId).result();
      if (recentActions.length > 0) return;
      if (Date.now() > deadline) throw new Error('the worker triggered no sweep at its start');
      await delay(100);
    }
  }

  /** @throws unless the sweep refreshed this many accounts */
  async sweep(due: number): Promise<Sweep> {
    const { workflowId, runId } = await this.#refreshes.startSweep(this.#provider);
    const summary = await this.client.workflow
      .getHandle<typeof sweepWorkflow>(workflowId, runId)
      .result();
    if (summary.refreshed !== due)
      throw new Error(`the sweep refreshed ${summary.refreshed} of ${due}`);
    return { summary, workflowId, runId };
  }

  /** The number of events in each run of a sweep. */
  async historyLengths({ workflowId, runId }: Sweep): Promise<number[]> {
    const lengths: number[] = [];
    for (let next: string | null = runId; next !== null; ) {
      const { events } = await this.client.workflow.getHandle(workflowId, next).fetchHistory();
      lengths.push(events?.length ?? 0);
      next =
        events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? null;
    }
    return lengths;
  }

  async close(): Promise<void> {
    await this.#store.close();
    await this.client.connection.close();
  }
}

/** Separates the workflow ids and schedules of the runs. */
export async function createNamespace(connection: Connection, namespace: string): Promise<void> {
  await connection.workflowService.registerNamespace({
    namespace,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the client accepts a number in place of the Long
    workflowExecutionRetentionPeriod: { seconds: (24 * 3600) as never },
  });
  const deadline = Date.now() + READY_WITHIN_MS;
  // The whole server knows the namespace a moment later.
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
