/** The schedules, as Temporal holds them at the moment of asking; never a copy. */
import {
  type Client,
  type ScheduleDescription,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import type { ConfiguredProviders } from '../providers/configured-providers';
import { changeSchedule, onlyInterval, providerOfSchedule, sweepScheduleId } from '../schedule';
import { ApiError } from './errors';
import { answering } from './temporal-deadline';

export interface Schedule {
  id: string;
  provider: string;
  everyMs: number | null;
  /** What `providers.yaml` says; `null`: the provider is no longer configured. */
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
  /** All of these: @throws {ApiError} `not_found` */
  pause(id: string, note: string): Promise<Schedule>;
  resume(id: string, note: string): Promise<Schedule>;
  /** Starts a run at once, paused or not; nothing more while one is running. */
  trigger(id: string): Promise<Schedule>;
  /** @throws {ApiError} `unknown_provider` where the provider is no longer configured */
  change(
    id: string,
    change: { everyMs?: number | undefined; note?: string | undefined },
  ): Promise<Schedule>;
}

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

  /** Does something to a schedule of ours, and answers with what Temporal holds then. */
  async function steer(id: string, act: () => Promise<unknown>): Promise<Schedule> {
    return answering(client, async () => {
      const absent = () =>
        new ApiError('not_found', `There is no schedule ${id}; see GET /api/admin/schedules.`);
      if (providerOfSchedule(id) === null) throw absent();
      try {
        await act();
      } catch (error) {
        if (error instanceof ScheduleNotFoundError) throw absent();
        throw error;
      }
      const schedule = await describe(id);
      if (schedule === null) throw absent();
      return schedule;
    });
  }

  const handle = (id: string) => client.schedule.getHandle(id);

  return {
    list: () =>
      answering(client, async () => {
        // Temporal's list lags behind; asked one by one, they are as they are.
        const ids = new Set(providers.all.map((provider) => sweepScheduleId(provider.id)));
        for await (const { scheduleId } of client.schedule.list())
          if (providerOfSchedule(scheduleId) !== null) ids.add(scheduleId);
        const schedules = await Promise.all([...ids].toSorted().map(describe));
        return schedules.filter((schedule) => schedule !== null);
      }),
    pause: (id, note) => steer(id, () => handle(id).pause(note)),
    resume: (id, note) => steer(id, () => handle(id).unpause(note)),
    trigger: (id) => steer(id, () => handle(id).trigger(ScheduleOverlapPolicy.SKIP)),
    change: (id, change) =>
      steer(id, async () => {
        await handle(id).describe();
        const name = providerOfSchedule(id) ?? '';
        const provider = providers.find(name);
        if (provider === undefined) {
          throw new ApiError(
            'unknown_provider',
            `No provider "${name}" is configured: its schedule can only be paused or deleted.`,
          );
        }
        await changeSchedule({ client, taskQueue }, provider, change);
      }),
  };
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
