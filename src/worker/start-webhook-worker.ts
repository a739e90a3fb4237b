/** The part of a worker that delivers webhooks, with a task queue and a concurrency limit separate from refreshes. */
import type { Client } from '@temporalio/client';
import { type NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { createWebhookActivities } from '../activities/deliver-webhook';
import { webhookTaskQueue } from '../domain/events/webhook-delivery';
import { createGuardedTransport } from '../outbound/guarded-transport';
import type { ConfiguredProviders } from '../providers/config/configured-providers';
import type { Provider } from '../providers/provider';
import { OrganisationSettings } from '../services/connect/connect-settings';
import { webhookLinks } from '../services/connect/webhook-links';
import { startDispatcher } from '../temporal/webhook-dispatcher';
import type { WorkerDependencies } from './dependencies';
import { deploymentOptions } from './worker-deployment';

/** Concurrent deliveries per worker. Receivers that hang can occupy only these, and never delay a refresh. */
const DELIVERIES_AT_ONCE = 20;

const now = () => new Date();

export interface RunningWebhookWorker {
  ended: Promise<void>;
  deliveriesInFlight(): number;
  stop(): Promise<void>;
}

export async function startWebhookWorker(
  {
    config,
    store,
    vault,
    logger,
    providers,
  }: Omit<WorkerDependencies, 'temporal'> & { providers: ConfiguredProviders },
  temporal: { connection: NativeConnection; client: Client; identity: string },
  shutdownGraceTime: NonNullable<WorkerOptions['shutdownGraceTime']>,
): Promise<RunningWebhookWorker> {
  const { namespace, taskQueue } = config.temporal;
  const outbound = createGuardedTransport({ allowPrivate: config.webhooks.allowPrivateAddresses });
  const { publicUrl } = config;
  const connectSettings = new OrganisationSettings({ store, now, defaults: config.connect });
  const consent = { rulesOf: (provider: Provider) => provider.consent };
  const links =
    publicUrl === null
      ? null
      : webhookLinks({ store, vault, providers, consent, connectSettings, now }, publicUrl);
  const worker = await Worker.create({
    connection: temporal.connection,
    namespace,
    taskQueue: webhookTaskQueue(taskQueue),
    identity: temporal.identity,
    ...deploymentOptions(config.temporal.deployment),
    activities: createWebhookActivities({ store, vault, outbound, links, now }),
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
    deliveriesInFlight: () => worker.getStatus().numInFlightActivities,
    async stop() {
      await dispatcher.stop();
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await ended.catch(() => undefined);
      await outbound.close();
    },
  };
}
