/**
 * The schedules: one sweep for each provider. Created if absent; what an operator changed stays changed; a change in
 * the configuration updates it, and only then.
 */
import {
  type Client,
  ScheduleAlreadyRunning,
  type ScheduleDescription,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import type { SearchAttributePair } from '@temporalio/common';
import type { SweepInput } from './domain/sweep';
import type { Provider } from './providers/provider';
import type { Settings } from './store/settings';
import { EvergrantProvider, EvergrantSource } from './workflows/search-attributes';
import { sweepWorkflow } from './workflows/sweep';

const ID_PREFIX = 'sweep/';

export function sweepScheduleId(providerId: string): string {
  return `${ID_PREFIX}${providerId}`;
}

/** The provider whose sweep a schedule starts; `null`: the schedule is none of ours. */
export function providerOfSchedule(scheduleId: string): string | null {
  return scheduleId.startsWith(ID_PREFIX) ? scheduleId.slice(ID_PREFIX.length) : null;
}

export interface EnsureSchedulesInput {
  client: Client;
  settings: Settings;
  taskQueue: string;
  providers: readonly Provider[];
  say: (line: string) => void;
}

/** A schedule as Temporal holds it. */
export interface SweepSchedule {
  scheduleId: string;
  /** `null`: an operator gave it something other than one interval. */
  everyMs: number | null;
  paused: boolean;
  note: string | null;
}

/** Makes sure that each provider has its schedule, and starts one run of each that is not paused. */
export async function ensureSchedules(input: EnsureSchedulesInput): Promise<SweepSchedule[]> {
  const schedules: SweepSchedule[] = [];
  for (const provider of input.providers) {
    await ensureSchedule(input, provider);
    const handle = input.client.schedule.getHandle(sweepScheduleId(provider.id));
    const { spec, state } = await handle.describe();
    schedules.push({
      scheduleId: handle.scheduleId,
      everyMs: onlyInterval(spec),
      paused: state.paused,
      note: state.note ?? null,
    });
    if (!state.paused) await handle.trigger(ScheduleOverlapPolicy.SKIP);
    else
      input.say(
        `schedule ${handle.scheduleId} is paused${state.note ? ` ("${state.note}")` : ''}; it stays so`,
      );
  }
  return schedules;
}

/** The one interval of a schedule; `null`: an operator gave it something else. */
export function onlyInterval(spec: ScheduleDescription['spec']): number | null {
  const [interval, ...others] = [...(spec.intervals ?? []), ...(spec.calendars ?? [])];
  return interval !== undefined && 'every' in interval && others.length === 0
    ? interval.every
    : null;
}

/**
 * Changes what an operator may say of a schedule, and nothing else. The configuration that was applied last is left
 * alone: so a change by the API holds over restarts exactly as one by the `temporal` command does.
 * @throws {ScheduleNotFoundError}
 */
export async function changeSchedule(
  { client, taskQueue }: Pick<EnsureSchedulesInput, 'client' | 'taskQueue'>,
  provider: Provider,
  { everyMs, note }: { everyMs?: number | undefined; note?: string | undefined },
): Promise<void> {
  const handle = client.schedule.getHandle(sweepScheduleId(provider.id));
  await handle.update(({ policies, state, spec }) => ({
    action: sweepAction(provider, taskQueue),
    policies: everyMs === undefined ? policies : { ...policies, catchupWindow: everyMs },
    state: note === undefined ? state : { ...state, note },
    spec: everyMs === undefined ? spec : { intervals: [{ every: everyMs }] },
  }));
}

async function ensureSchedule(
  { client, settings, taskQueue, say }: EnsureSchedulesInput,
  provider: Provider,
): Promise<void> {
  const scheduleId = sweepScheduleId(provider.id);
  const spec = { intervals: [{ every: provider.policy.sweepEveryMs }] };
  const configured = JSON.stringify({ every_ms: provider.policy.sweepEveryMs });
  const applied = await settings.appliedSchedule(scheduleId);
  const every = `${provider.policy.sweepEveryMs / 60_000} min`;
  const action = sweepAction(provider, taskQueue);
  try {
    await client.schedule.create({
      scheduleId,
      spec,
      action,
      policies: {
        overlap: ScheduleOverlapPolicy.SKIP,
        // One missed run is made up for; what was missed before it is in that run's due list anyway.
        catchupWindow: provider.policy.sweepEveryMs,
      },
    });
    say(`schedule ${scheduleId} created: every ${every}`);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const handle = client.schedule.getHandle(scheduleId);
    // Nothing applied yet: this database is new to the schedule, which a trial may have made with another interval.
    if (applied !== configured) {
      await handle.update(({ policies, state }) => ({
        action,
        policies: { ...policies, catchupWindow: provider.policy.sweepEveryMs },
        state,
        spec,
      }));
      say(`schedule ${scheduleId} updated from the configuration: every ${every}`);
    } else if (!isRunnable((await handle.describe()).action, action)) {
      await handle.update(({ policies, state, spec: kept }) => ({
        action,
        policies,
        state,
        spec: kept,
      }));
      say(`schedule ${scheduleId}: what it starts had been changed to something else; put back`);
    }
  }
  if (applied !== configured) await settings.recordAppliedSchedule(scheduleId, configured);
}

/** What a schedule starts is ours to say; when, under which policies and whether at all is the operator's. */
function sweepAction(provider: Provider, taskQueue: string) {
  return {
    type: 'startWorkflow' as const,
    workflowType: sweepWorkflow,
    workflowId: sweepScheduleId(provider.id),
    taskQueue,
    args: [{ provider: provider.id }] as [SweepInput],
    staticSummary: `Sweep: refresh the due ${provider.adapter.displayName} accounts`,
    typedSearchAttributes: [
      { key: EvergrantProvider, value: provider.id },
      { key: EvergrantSource, value: 'scheduled' },
    ] as SearchAttributePair[],
  };
}

/**
 * Whether the schedule still starts a sweep that runs and can be found. `temporal schedule update` replaces the whole
 * action: an input or a search attribute that is not typed again is gone, and a sweep without input hangs.
 */
function isRunnable(
  found: ScheduleDescription['action'],
  wanted: ReturnType<typeof sweepAction>,
): boolean {
  const input: unknown = found.args?.[0];
  const attributes = found.typedSearchAttributes;
  return (
    found.workflowType === sweepWorkflow.name &&
    found.workflowId === wanted.workflowId &&
    found.taskQueue === wanted.taskQueue &&
    typeof input === 'object' &&
    input !== null &&
    'provider' in input &&
    input.provider === wanted.args[0].provider &&
    attributes !== undefined &&
    !Array.isArray(attributes) &&
    attributes.get(EvergrantProvider) === wanted.args[0].provider
  );
}

/** Names the schedules of providers that are no longer configured: they would fail on every run. */
export async function orphanedSchedules(
  client: Client,
  providers: readonly Provider[],
): Promise<string[]> {
  const wanted = new Set(providers.map((provider) => sweepScheduleId(provider.id)));
  const orphaned: string[] = [];
  try {
    for await (const { scheduleId } of client.schedule.list()) {
      if (providerOfSchedule(scheduleId) !== null && !wanted.has(scheduleId))
        orphaned.push(scheduleId);
    }
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
  return orphaned;
}
