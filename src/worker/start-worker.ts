/** Starts a worker. `worker/main.ts` and the all-in-one start use it. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { createActivities } from '../activities';
import { raiseIncidentEvent } from '../limits/incident-events';
import { Limiter } from '../limits/limiter';
import { createMailClient } from '../outbound/mail';
import { ConfiguredProviders } from '../providers/config/configured-providers';
import { createTransport } from '../providers/exchange/transport';
import { RestoreGuard } from '../refresh/restore-guard';
import { OrganisationSettings } from '../services/connect/connect-settings';
import type { TemporalSources } from '../services/metrics/store-gauges';
import { applyPolicies } from '../temporal/apply-policies';
import { connectTemporal } from '../temporal/connect';
import { pingTemporal } from '../temporal/ping';
import { registerSearchAttributes } from '../temporal/register-search-attributes';
import { rotationMarks } from '../temporal/rotation-marks';
import { createScheduleClient } from '../temporal/schedule-client';
import {
  ensureSchedules,
  pauseNotConfigured,
  type SweepSchedule,
} from '../temporal/sweep-schedules';
import type { WorkerDependencies } from './dependencies';
import { keepCounts } from './keep-counts';
import { keepReminders } from './keep-reminders';
import { keepSchedules, LOOK_EVERY_MS } from './keep-schedules';
import { startWebhookWorker } from './start-webhook-worker';
import { deploymentOptions, warnUnlessCurrent } from './worker-deployment';

/** How long a stop waits for activities, in ms. Must exceed the HTTP deadline and commit, or a response may be lost. */
const SHUTDOWN_GRACE_MS = 30_000;

const ACTIVITIES_AT_ONCE = 100;

/** A first attempt occupies its workflow task. With slow providers, other workflows must still find a free one. */
const WORKFLOW_TASKS_AT_ONCE = 400;

/** Longest delay of a heartbeat, so that Temporal shows the steps of a debug run promptly. */
const HEARTBEAT_AT_MOST_EVERY = '500ms';

export interface RunningWorker {
  /** As Temporal held them after the worker started. */
  schedules: SweepSchedule[];
  /** For the metrics port. */
  temporal: TemporalSources;
  /** For people: the work that a stop waits for. */
  waitsFor(): string;
  /** Stops polling, lets work in flight finish, and disconnects. */
  stop(): Promise<void>;
  /** Resolves or rejects when the worker ends, for any reason. */
  ended: Promise<void>;
}

const WORKFLOW_BUNDLE = join(__dirname, '..', 'workflow-bundle.js');

const now = () => new Date();

export async function startWorker({
  config,
  temporal,
  store,
  vault,
  logger,
  lookEveryMs = LOOK_EVERY_MS,
  workflowBundle = WORKFLOW_BUNDLE,
}: WorkerDependencies): Promise<RunningWorker> {
  const { namespace, taskQueue } = config.temporal;
  const providers = new ConfiguredProviders(config.providers);
  const transport = createTransport();
  const client = new Client({ connection: await connectTemporal(temporal, namespace), namespace });
  await registerSearchAttributes(client.connection, namespace);
  const connection = await NativeConnection.connect(temporal);
  const identity = `${process.pid}@${hostname()}`;
  const stopping = new AbortController();
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue,
    identity,
    ...deploymentOptions(config.temporal.deployment),
    workflowBundle: { codePath: workflowBundle },
    activities: createActivities({
      store,
      vault,
      providers,
      transport,
      appLimiter: new Limiter(store.limiters, store.dueAccounts, (event) =>
        raiseIncidentEvent({ store }, event),
      ),
      restoreGuard: new RestoreGuard({ store, marks: rotationMarks(client), now }),
      worker: identity,
      stopping: stopping.signal,
      now,
    }),
    maxConcurrentWorkflowTaskExecutions: WORKFLOW_TASKS_AT_ONCE,
    maxConcurrentLocalActivityExecutions: ACTIVITIES_AT_ONCE,
    maxConcurrentActivityTaskExecutions: ACTIVITIES_AT_ONCE,
    maxHeartbeatThrottleInterval: HEARTBEAT_AT_MOST_EVERY,
    shutdownGraceTime: SHUTDOWN_GRACE_MS,
  });
  const webhooks = await startWebhookWorker(
    { config, store, vault, logger, providers },
    { connection, client, identity },
    SHUTDOWN_GRACE_MS,
  );
  const refreshing = worker.run();
  if (config.temporal.deployment !== null)
    await warnUnlessCurrent({ client, deployment: config.temporal.deployment, logger });
  // The worker ends if either part ends.
  const ended = Promise.race([refreshing, webhooks.ended]);
  // Callers handle it when they await `ended`; without this, an earlier failure would be an unhandled rejection.
  ended.catch(() => undefined);
  const log = (line: string) => logger.info(line);
  const schedulesEnsured = async () => {
    await applyPolicies({ client, store, taskQueue, providers, log });
    const { settings } = store;
    return ensureSchedules({ client, settings, taskQueue, providers: providers.all, log });
  };
  const schedules = await schedulesEnsured();
  await pauseNotConfigured({
    client,
    providers: providers.all,
    log: (line) => logger.warn(line),
  });
  const stopLooking = keepSchedules({
    client,
    providers: providers.all,
    logger,
    everyMs: lookEveryMs,
    putBack: async () => {
      await registerSearchAttributes(client.connection, namespace);
      await schedulesEnsured();
    },
  });
  const stopCounting = keepCounts({ store, vault, providers, logger });
  const stopReminding = startReminders({ config, store, vault, logger }, providers);
  return {
    schedules,
    temporal: {
      schedules: createScheduleClient(client, providers, taskQueue),
      pingTemporal: () => pingTemporal(client),
    },
    ended,
    waitsFor() {
      const inFlight = worker.getStatus().numInFlightActivities + webhooks.deliveriesInFlight();
      if (inFlight === 0) return 'the worker, which disconnects from Temporal';
      return `the worker: ${inFlight} in flight (refreshes, validations, webhooks), at most ${SHUTDOWN_GRACE_MS / 1000} s`;
    },
    async stop() {
      stopping.abort();
      await Promise.all([stopLooking(), stopCounting(), stopReminding()]);
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await Promise.allSettled([refreshing, webhooks.stop()]);
      await disconnect(connection, client);
    },
  };
}

/** Without SMTP_URL, no reminder is sent. */
function startReminders(
  {
    config,
    store,
    vault,
    logger,
  }: Pick<WorkerDependencies, 'config' | 'store' | 'vault' | 'logger'>,
  providers: ConfiguredProviders,
): () => Promise<void> {
  const { mail, publicUrl } = config;
  if (mail === null || publicUrl === null) return async () => undefined;
  return keepReminders({
    store,
    vault,
    providers,
    consent: { rulesOf: ({ consent }) => consent },
    connectSettings: new OrganisationSettings({ store, now, defaults: config.connect }),
    now,
    mail: createMailClient(mail),
    publicUrl,
    logger,
  });
}

async function disconnect(connection: NativeConnection, client: Client): Promise<void> {
  await client.connection.close();
  await connection.close();
}
