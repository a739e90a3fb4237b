/** A namespace of its own for one run, and the sweeps in it: triggered as the API does it, and nobody else's. */
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
  /** Its first: it may have gone on in others. */
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

  /** Before a worker starts: it needs the namespace. */
  static async open(setting: Setting): Promise<Sweeps> {
    const { address, namespace } = setting.temporal;
    const connection = await Connection.connect({ address });
    await createNamespace(connection, namespace);
    const { store, providers } = await openStoreAndVault(setting);
    const provider = providers.find(PROVIDER);
    if (provider === undefined) throw new Error('the provider is not configured');
    return new Sweeps(new Client({ connection, namespace }), provider, store);
  }

  /** Neither the sweep that a worker's start triggers nor one of the schedule is to take part in what is measured. */
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

  /** @throws unless it refreshed so many */
  async sweep(due: number): Promise<Sweep> {
    const { workflowId, runId } = await this.#refreshes.startSweep(this.#provider);
    const summary = await this.client.workflow
      .getHandle<typeof sweepWorkflow>(workflowId, runId)
      .result();
    if (summary.refreshed !== due)
      throw new Error(`the sweep refreshed ${summary.refreshed} of ${due}`);
    return { summary, workflowId, runId };
  }

  /** The events of each of a sweep's runs. */
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

/** Workflow ids and schedules of one run are its own. */
export async function createNamespace(connection: Connection, namespace: string): Promise<void> {
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
