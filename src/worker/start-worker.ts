/** Starts a worker: dependencies in, a running Worker out. Used by `worker/main.ts` and by the all-in-one start. */
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import type { Logger } from 'pino';
import { createActivities } from '../activities';
import { raiseLaneEvent } from '../activities/lane-event';
import { LanePermits } from '../activities/lane-permits';
import { RestoreGuard } from '../activities/restore-guard';
import { applyPolicies } from '../apply-policies';
import { connectTemporal } from '../bootstrap';
import type { Config } from '../config';
import { ConfiguredProviders } from '../providers/configured-providers';
import { createTransport } from '../providers/transport';
import { registerSearchAttributes } from '../register-search-attributes';
import { ensureSchedules, orphanedSchedules, type SweepSchedule } from '../schedule';
import type { Store } from '../store/store';
import type { Vault } from '../vault/vault';
import { keepSchedules, LOOK_EVERY_MS } from './keep-schedules';
import { rotationMarks } from './rotation-marks';
import { startWebhookWorker } from './start-webhook-worker';

/** Longer than the HTTP deadline and the commit after it: what was sent is finished before the worker ends. */
const SHUTDOWN_GRACE = '30s';
const ACTIVITIES_AT_ONCE = 100;
/** A refresh keeps its workflow's task while its first attempt runs: with slow providers the others are to find one. */
const WORKFLOW_TASKS_AT_ONCE = 400;
/** The steps of a debug run are told to Temporal with its heartbeats, and are not to be older than this. */
const HEARTBEAT_AT_MOST_EVERY = '500ms';

export interface WorkerDependencies {
  config: Config;
  /** Where Temporal is: from the configuration, or an embedded one. */
  temporal: NonNullable<Config['temporal']['connection']>;
  store: Store;
  vault: Vault;
  logger: Logger;
  /** How often it is looked whether Temporal still has the schedules; default: twice a minute. */
  lookEveryMs?: number;
}

export interface RunningWorker {
  /** As Temporal held them when the worker had started. */
  schedules: SweepSchedule[];
  /** Stops polling, lets what is in flight finish, and disconnects. */
  stop(): Promise<void>;
  /** Settles when the worker ends, however it does. */
  ended: Promise<void>;
}

const now = () => new Date();

export async function startWorker({
  config,
  temporal,
  store,
  vault,
  logger,
  lookEveryMs = LOOK_EVERY_MS,
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
    ...workflowSource(),
    activities: createActivities({
      store,
      vault,
      providers,
      transport,
      permits: new LanePermits(store.lanes, (event) => raiseLaneEvent({ store }, event)),
      restoreGuard: new RestoreGuard({ store, marks: rotationMarks(client), now }),
      worker: identity,
      stopping: stopping.signal,
      now,
    }),
    maxConcurrentWorkflowTaskExecutions: WORKFLOW_TASKS_AT_ONCE,
    maxConcurrentLocalActivityExecutions: ACTIVITIES_AT_ONCE,
    maxConcurrentActivityTaskExecutions: ACTIVITIES_AT_ONCE,
    maxHeartbeatThrottleInterval: HEARTBEAT_AT_MOST_EVERY,
    shutdownGraceTime: SHUTDOWN_GRACE,
  });
  const webhooks = await startWebhookWorker(
    { config, store, vault, logger },
    { connection, client, identity },
    SHUTDOWN_GRACE,
  );
  const refreshing = worker.run();
  // The end of one is the end of both.
  const ended = Promise.race([refreshing, webhooks.ended]);
  // Handled by whoever awaits `ended`; without this an early failure would end the process before it is.
  ended.catch(() => undefined);
  const say = (line: string) => logger.info(line);
  const schedulesEnsured = async () => {
    await applyPolicies({ client, store, taskQueue, providers, say });
    const { settings } = store;
    return ensureSchedules({ client, settings, taskQueue, providers: providers.all, say });
  };
  const schedules = await schedulesEnsured();
  for (const scheduleId of await orphanedSchedules(client, providers.all)) {
    logger.warn(
      { schedule_id: scheduleId },
      'a schedule exists for a provider that is not configured; its sweeps will fail',
    );
  }
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
  return {
    schedules,
    ended,
    async stop() {
      stopping.abort();
      await stopLooking();
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await Promise.allSettled([refreshing, webhooks.stop()]);
      await disconnect(connection, client);
    },
  };
}

async function disconnect(connection: NativeConnection, client: Client): Promise<void> {
  await client.connection.close();
  await connection.close();
}

/** The bundle that `npm run build` made, or the sources where there is none (tests). */
function workflowSource(): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'> {
  const codePath = join(__dirname, '..', 'workflow-bundle.js');
  return existsSync(codePath)
    ? { workflowBundle: { codePath } }
    : { workflowsPath: require.resolve('../workflows') };
}
