/** One sweep schedule per provider, created if absent. Only a changed configuration overwrites operators' changes. */
import {
  type Client,
  ScheduleAlreadyRunning,
  type ScheduleDescription,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import type { SearchAttributePair } from '@temporalio/common';
import type { SweepInput } from '../domain/refresh/sweep';
import { duration } from '../domain/text/time-text';
import { visible } from '../domain/text/visible-text';
import type { Provider } from '../providers/provider';
import type { Settings } from '../store/encryption/settings';
import { EvergrantProvider, EvergrantSource } from '../workflows/search-attributes';
import { sweepWorkflow } from '../workflows/sweep';

const ID_PREFIX = 'sweep/';

export function sweepScheduleId(providerId: string): string {
  return `${ID_PREFIX}${providerId}`;
}

/** The provider whose sweep a schedule starts; `null` if the schedule is not Evergrant's. */
export function providerOfSchedule(scheduleId: string): string | null {
  return scheduleId.startsWith(ID_PREFIX) ? scheduleId.slice(ID_PREFIX.length) : null;
}

export interface EnsureSchedulesInput {
  client: Client;
  settings: Settings;
  taskQueue: string;
  providers: readonly Provider[];
  log: (line: string) => void;
}

/** Only a schedule paused with exactly this note is resumed at start, once its provider is configured again. */
const NOT_CONFIGURED_NOTE = 'Paused at start: the provider is not configured.';
const CONFIGURED_AGAIN_NOTE = 'Resumed at start: the provider is configured again.';

/** A schedule as Temporal holds it. */
export interface SweepSchedule {
  scheduleId: string;
  /** `null` if an operator replaced the single interval. */
  everyMs: number | null;
  paused: boolean;
  note: string | null;
}

/** Creates or updates each provider's schedule, and triggers a run of each that is not paused. */
export async function ensureSchedules(input: EnsureSchedulesInput): Promise<SweepSchedule[]> {
  const schedules: SweepSchedule[] = [];
  const created: string[] = [];
  for (const provider of input.providers) {
    if (await ensureSchedule(input, provider))
      created.push(
        `${sweepScheduleId(provider.id)} every ${duration(provider.policy.sweepEveryMs)}`,
      );
    const handle = input.client.schedule.getHandle(sweepScheduleId(provider.id));
    const { spec, state } = await handle.describe();
    const resumes = isPausedByUs(state);
    if (resumes) {
      await handle.unpause(CONFIGURED_AGAIN_NOTE);
      input.log(`schedule ${handle.scheduleId} resumed: its provider is configured again`);
    }
    const paused = state.paused && !resumes;
    const note = resumes ? CONFIGURED_AGAIN_NOTE : (state.note ?? null);
    schedules.push({
      scheduleId: handle.scheduleId,
      everyMs: onlyInterval(spec),
      paused,
      note,
    });
    if (!paused) await handle.trigger(ScheduleOverlapPolicy.SKIP);
    else input.log(`schedule ${handle.scheduleId} stays paused${note ? ` ("${note}")` : ''}`);
  }
  // One line, because a first start creates all of them.
  if (created.length > 0) input.log(`schedules created: ${created.join(', ')}`);
  return schedules;
}

/** The single interval of a schedule; `null` if an operator replaced it. */
export function onlyInterval(spec: ScheduleDescription['spec']): number | null {
  const [interval, ...others] = [...(spec.intervals ?? []), ...(spec.calendars ?? [])];
  return interval !== undefined && 'every' in interval && others.length === 0
    ? interval.every
    : null;
}

/**
 * Changes only what an operator may change. The configuration last applied stays recorded, so that a change through the
 * API survives restarts exactly as one with the `temporal` CLI does.
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
    state: note === undefined ? state : { ...state, note: visible(note) },
    spec: everyMs === undefined ? spec : { intervals: [{ every: everyMs }] },
  }));
}

/** @returns whether it was created */
async function ensureSchedule(
  { client, settings, taskQueue, log }: EnsureSchedulesInput,
  provider: Provider,
): Promise<boolean> {
  const scheduleId = sweepScheduleId(provider.id);
  const spec = { intervals: [{ every: provider.policy.sweepEveryMs }] };
  const configured = JSON.stringify({ every_ms: provider.policy.sweepEveryMs });
  const applied = await settings.appliedSchedule(scheduleId);
  const every = duration(provider.policy.sweepEveryMs);
  const action = sweepAction(provider, taskQueue);
  let isCreated = false;
  try {
    await client.schedule.create({
      scheduleId,
      spec,
      action,
      policies: {
        overlap: ScheduleOverlapPolicy.SKIP,
        // Catches up on one missed run; its due list includes whatever earlier missed runs would have refreshed.
        catchupWindow: provider.policy.sweepEveryMs,
      },
    });
    isCreated = true;
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const handle = client.schedule.getHandle(scheduleId);
    // Nothing applied yet: this database is new to the schedule, which demo mode may have created otherwise.
    if (applied !== configured) {
      await handle.update(({ policies, state }) => ({
        action,
        policies: { ...policies, catchupWindow: provider.policy.sweepEveryMs },
        state: takenOver(state),
        spec,
      }));
      log(`schedule ${scheduleId} updated from the configuration: every ${every}`);
    } else if (!isRunnable((await handle.describe()).action, action)) {
      await handle.update(({ policies, state, spec: kept }) => ({
        action,
        policies,
        state: takenOver(state),
        spec: kept,
      }));
      log(`schedule ${scheduleId}: its action had been changed, and was restored`);
    }
  }
  if (applied !== configured) await settings.recordAppliedSchedule(scheduleId, configured);
  return isCreated;
}

/**
 * The state of a schedule whose provider is configured. An update writes the whole state, so it must also undo the
 * pause for a missing configuration; resumed in a separate request, the pause could be written back.
 */
function takenOver<S extends { paused: boolean; note?: string | undefined }>(state: S): S {
  return isPausedByUs(state) ? { ...state, paused: false, note: CONFIGURED_AGAIN_NOTE } : state;
}

function isPausedByUs({ paused, note }: { paused: boolean; note?: string | undefined }): boolean {
  return paused && note === NOT_CONFIGURED_NOTE;
}

/** The action is Evergrant's; the interval, the policies and the pause are the operator's. */
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
 * Whether the schedule still starts a sweep that works and can be found. `temporal schedule update` replaces the whole
 * action and drops an input or search attribute that is not given again; a sweep without input hangs.
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

/** Pauses the schedules of providers that are not configured, because each of their sweeps would fail. */
export async function pauseNotConfigured({
  client,
  providers,
  log,
}: Pick<EnsureSchedulesInput, 'client' | 'providers' | 'log'>): Promise<void> {
  const configured = new Set(providers.map((provider) => sweepScheduleId(provider.id)));
  for await (const { scheduleId } of client.schedule.list()) {
    const provider = providerOfSchedule(scheduleId);
    if (provider === null || configured.has(scheduleId)) continue;
    const handle = client.schedule.getHandle(scheduleId);
    try {
      if ((await handle.describe()).state.paused) continue;
      await handle.pause(NOT_CONFIGURED_NOTE);
      log(
        `schedule ${scheduleId} paused: the provider "${provider}" is not configured. Configure it and start again, or delete the schedule: evergrant schedules delete ${provider}`,
      );
    } catch (error) {
      // Temporal's list is eventually consistent; the schedule was deleted.
      if (!(error instanceof ScheduleNotFoundError)) throw error;
    }
  }
}
