/** The part of a worker that delivers webhooks: a queue, a bound and a loop of its own, apart from the refreshes. */
import type { Client } from '@temporalio/client';
import { type NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { createWebhookActivities } from '../activities/webhook-activities';
import { webhookTaskQueue } from '../domain/webhook-delivery';
import { createGuardedTransport } from '../outbound/guarded-transport';
import { startDispatcher } from '../webhooks/dispatcher';
import type { WorkerDependencies } from './start-worker';

/** Receivers that hang take no more than these, and none from the refreshes. */
const DELIVERIES_AT_ONCE = 20;

export interface RunningWebhookWorker {
  ended: Promise<void>;
  stop(): Promise<void>;
}

export async function startWebhookWorker(
  { config, store, vault, logger }: Omit<WorkerDependencies, 'temporal'>,
  temporal: { connection: NativeConnection; client: Client; identity: string },
  shutdownGraceTime: NonNullable<WorkerOptions['shutdownGraceTime']>,
): Promise<RunningWebhookWorker> {
  const { namespace, taskQueue } = config.temporal;
  const outbound = createGuardedTransport({ allowPrivate: config.webhooks.allowPrivateAddresses });
  const worker = await Worker.create({
    connection: temporal.connection,
    namespace,
    taskQueue: webhookTaskQueue(taskQueue),
    identity: temporal.identity,
    activities: createWebhookActivities({ store, vault, outbound, now: () => new Date() }),
    maxConcurrentActivityTaskExecutions: DELIVERIES_AT_ONCE,
    shutdownGraceTime,
  });
  const ended = worker.run();
  ended.catch(() => undefined);
  const dispatcher = startDispatcher({
    client: temporal.client,
    store,
    taskQueue,
    policy: config.webhooks.delivery,
    logger,
  });
  return {
    ended,
    async stop() {
      await dispatcher.stop();
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await ended.catch(() => undefined);
      await outbound.close();
    },
  };
}
