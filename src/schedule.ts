/**
 * The schedules: one sweep for each provider. Created if absent; what an operator changed stays changed; a change in
 * the configuration updates it, and only then.
 */
import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import type { Provider } from './providers/provider';
import type { Settings } from './store/settings';
import { EvergrantProvider, EvergrantSource } from './workflows/search-attributes';
import { sweepWorkflow } from './workflows/sweep';

export function sweepScheduleId(providerId: string): string {
  return `sweep/${providerId}`;
}

export interface EnsureSchedulesInput {
  client: Client;
  settings: Settings;
  taskQueue: string;
  providers: readonly Provider[];
  say: (line: string) => void;
}

/** Makes sure that each provider has its schedule, and starts one run of each that is not paused. */
export async function ensureSchedules(input: EnsureSchedulesInput): Promise<void> {
  for (const provider of input.providers) {
    await ensureSchedule(input, provider);
    const handle = input.client.schedule.getHandle(sweepScheduleId(provider.id));
    const { state } = await handle.describe();
    if (!state.paused) await handle.trigger(ScheduleOverlapPolicy.SKIP);
    else
      input.say(
        `schedule ${handle.scheduleId} is paused${state.note ? ` ("${state.note}")` : ''}; it stays so`,
      );
  }
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
  try {
    await client.schedule.create({
      scheduleId,
      spec,
      action: {
        type: 'startWorkflow',
        workflowType: sweepWorkflow,
        workflowId: scheduleId,
        taskQueue,
        args: [{ provider: provider.id }],
        staticSummary: `Sweep: refresh the due ${provider.adapter.displayName} accounts`,
        typedSearchAttributes: [
          { key: EvergrantProvider, value: provider.id },
          { key: EvergrantSource, value: 'scheduled' },
        ],
      },
      policies: {
        overlap: ScheduleOverlapPolicy.SKIP,
        // One missed run is made up for; what was missed before it is in that run's due list anyway.
        catchupWindow: provider.policy.sweepEveryMs,
      },
    });
    say(`schedule ${scheduleId} created: every ${every}`);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    if (applied !== null && applied !== configured) {
      await client.schedule
        .getHandle(scheduleId)
        .update(({ action, policies, state }) => ({ action, policies, state, spec }));
      say(`schedule ${scheduleId} updated from the configuration: every ${every}`);
    }
  }
  if (applied !== configured) await settings.recordAppliedSchedule(scheduleId, configured);
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
      if (scheduleId.startsWith('sweep/') && !wanted.has(scheduleId)) orphaned.push(scheduleId);
    }
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
  return orphaned;
}
