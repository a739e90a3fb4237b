/** The schedules as Temporal holds them now; nothing is cached. */
import {
  type Client,
  type ScheduleDescription,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import { ServiceError } from '../domain/service-error';
import { visible } from '../domain/text/visible-text';
import type { ConfiguredProviders } from '../providers/config/configured-providers';
import type { Provider } from '../providers/provider';
import { answering } from './deadline';
import { GrpcStatus, grpcStatus } from './grpc-status';
import {
  changeSchedule,
  onlyInterval,
  providerOfSchedule,
  sweepScheduleId,
} from './sweep-schedules';

export interface Schedule {
  id: string;
  provider: string;
  everyMs: number | null;
  /** The interval in `providers.yaml`; `null` if the provider is no longer configured. */
  configuredEveryMs: number | null;
  paused: boolean;
  note: string | null;
  overlap: string;
  catchupWindowMs: number;
  nextRunAt: Date | null;
  lastRun: { scheduledAt: Date; startedAt: Date; workflowId: string; runId: string } | null;
  running: { workflowId: string; runId: string }[];
  runsTotal: number;
  runsMissed: number;
  createdAt: Date;
  updatedAt: Date | null;
}

export interface ScheduleClient {
  list(): Promise<Schedule[]>;
  /** All of these: @throws {ServiceError} `not_found`; all but pause: `unknown_provider` if it is not configured */
  pause(id: string, note: string): Promise<Schedule>;
  resume(id: string, note: string): Promise<Schedule>;
  /** Starts a run at once, even if paused; does nothing while a run is in progress. */
  trigger(id: string): Promise<Schedule>;
  /** @throws {ServiceError} `conflict` if the provider is configured */
  delete(id: string): Promise<void>;
  change(
    id: string,
    change: { everyMs?: number | undefined; note?: string | undefined },
  ): Promise<Schedule>;
}

/** How long, in ms, one schedule of a list is waited for before the request is repeated. */
const DESCRIBED_WITHIN_MS = 3_000;
const DESCRIBE_TRIES_MAX = 3;

export function createScheduleClient(
  client: Client,
  providers: ConfiguredProviders,
  taskQueue: string,
): ScheduleClient {
  async function describe(id: string): Promise<Schedule | null> {
    try {
      return scheduleOf(await client.schedule.getHandle(id).describe(), providers);
    } catch (error) {
      if (error instanceof ScheduleNotFoundError) return null;
      throw error;
    }
  }

  /** Repeats the request if no answer came: under many requests, Temporal occasionally leaves one unanswered. */
  async function describeSoon(id: string): Promise<Schedule | null> {
    for (let tried = 1; ; tried += 1) {
      try {
        return await client.withDeadline(Date.now() + DESCRIBED_WITHIN_MS, () => describe(id));
      } catch (error) {
        const isUnanswered = grpcStatus(error) === GrpcStatus.deadlineExceeded;
        if (!isUnanswered || tried === DESCRIBE_TRIES_MAX) throw error;
      }
    }
  }

  /** Runs an action on one of Evergrant's schedules. */
  async function ours<T>(id: string, act: () => Promise<T>): Promise<T> {
    return answering(client, async () => {
      if (providerOfSchedule(id) === null) throw absent(id);
      try {
        return await act();
      } catch (error) {
        if (error instanceof ScheduleNotFoundError) throw absent(id);
        throw error;
      }
    });
  }

  /** Runs an action, and returns the schedule as Temporal holds it afterwards. */
  async function control(id: string, act: () => Promise<unknown>): Promise<Schedule> {
    return ours(id, async () => {
      await act();
      const schedule = await describe(id);
      if (schedule === null) throw absent(id);
      return schedule;
    });
  }

  /** The provider of an existing schedule. */
  async function configuredProvider(id: string): Promise<Provider> {
    await handle(id).describe();
    const name = providerOfSchedule(id) ?? '';
    const provider = providers.find(name);
    if (provider === undefined) {
      throw new ServiceError(
        'unknown_provider',
        `No provider "${name}" is configured, so its schedule can only be paused or deleted.`,
      );
    }
    return provider;
  }

  const handle = (id: string) => client.schedule.getHandle(id);

  return {
    list: () =>
      answering(client, async () => {
        // Temporal's list is eventually consistent, so each schedule is described individually.
        const ids = new Set(providers.all.map((provider) => sweepScheduleId(provider.id)));
        for await (const { scheduleId } of client.schedule.list())
          if (providerOfSchedule(scheduleId) !== null) ids.add(scheduleId);
        const schedules = await Promise.all([...ids].toSorted().map(describeSoon));
        return schedules.filter((schedule) => schedule !== null);
      }),
    pause: (id, note) => control(id, () => handle(id).pause(visible(note))),
    resume: (id, note) =>
      control(id, async () => {
        await configuredProvider(id);
        await handle(id).unpause(visible(note));
      }),
    trigger: (id) =>
      control(id, async () => {
        await configuredProvider(id);
        await handle(id).trigger(ScheduleOverlapPolicy.SKIP);
      }),
    delete: (id) =>
      ours(id, async () => {
        const provider = providers.find(providerOfSchedule(id) ?? '');
        if (provider !== undefined) {
          throw new ServiceError(
            'conflict',
            `The provider "${provider.id}" is configured, so a worker would create its schedule again. Pause the schedule, or remove the provider from providers.yaml first.`,
          );
        }
        await handle(id).delete();
      }),
    change: (id, change) =>
      control(id, async () =>
        changeSchedule({ client, taskQueue }, await configuredProvider(id), change),
      ),
  };
}

function absent(id: string): ServiceError {
  return new ServiceError(
    'not_found',
    `No schedule has the id ${id}. GET /api/admin/schedules lists the schedules.`,
  );
}

function scheduleOf(
  { scheduleId, spec, policies, state, info }: ScheduleDescription,
  providers: ConfiguredProviders,
): Schedule {
  const provider = providerOfSchedule(scheduleId) ?? '';
  const last = info.recentActions.at(-1);
  return {
    id: scheduleId,
    provider,
    everyMs: onlyInterval(spec),
    configuredEveryMs: providers.find(provider)?.policy.sweepEveryMs ?? null,
    paused: state.paused,
    note: state.note ?? null,
    overlap: policies.overlap ?? ScheduleOverlapPolicy.SKIP,
    catchupWindowMs: policies.catchupWindow,
    nextRunAt: state.paused ? null : (info.nextActionTimes[0] ?? null),
    lastRun:
      last === undefined
        ? null
        : {
            scheduledAt: last.scheduledAt,
            startedAt: last.takenAt,
            workflowId: last.action.workflow.workflowId,
            runId: last.action.workflow.firstExecutionRunId,
          },
    running: info.runningActions.map(({ workflow }) => ({
      workflowId: workflow.workflowId,
      runId: workflow.firstExecutionRunId,
    })),
    runsTotal: info.numActionsTaken,
    runsMissed: info.numActionsMissedCatchupWindow,
    createdAt: info.createdAt,
    updatedAt: info.lastUpdatedAt ?? null,
  };
}
