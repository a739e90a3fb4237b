/** Admin → Workers: one row for each provider's schedule. */
import type { Schedule } from '../../api/schedule-client';
import type { ListedSweep } from '../../api/workflow-client';
import { summaryLine } from '../../domain/sweep';
import type { UiDependencies } from '../dependencies';
import { Badge } from '../parts/badge';
import { TerminalDialog } from '../parts/terminal-dialog';
import { duration, Moment } from '../parts/time';

interface WorkersView {
  schedules: { schedule: Schedule; lastSweep: ListedSweep | null }[];
}

/** The schedules, and what each one's last finished sweep came to. */
export async function loadWorkers({
  schedules,
  workflows,
}: Pick<UiDependencies, 'schedules' | 'workflows'>): Promise<WorkersView> {
  const all = await schedules.list();
  return {
    schedules: await Promise.all(
      all.map(async (schedule) => {
        // Running ones come first; a schedule has one at a time.
        const { items } = await workflows.sweeps({ provider: schedule.provider }, { limit: 2 });
        return { schedule, lastSweep: items.find(({ endedAt }) => endedAt !== null) ?? null };
      }),
    ),
  };
}

export function WorkersPage({ workers }: { workers: WorkersView }) {
  return (
    <section aria-labelledby="schedules-title">
      <h2 id="schedules-title">Schedules</h2>
      <div id="workers" hx-sse:connect="/admin/workers/stream" hx-swap="innerMorph">
        <Workers workers={workers} />
      </div>
      <TerminalDialog />
    </section>
  );
}

/** The part that is followed live. */
export function Workers({ workers: { schedules } }: { workers: WorkersView }) {
  if (schedules.length === 0)
    return <p class="empty">No provider is configured: add one to providers.yaml.</p>;
  return (
    <table class="rows">
      <thead>
        <tr>
          <th scope="col">Provider</th>
          <th scope="col">State</th>
          <th scope="col">Last run</th>
          <th scope="col">Next run</th>
          <th scope="col">Interval</th>
        </tr>
      </thead>
      <tbody>
        {schedules.map(({ schedule, lastSweep }) => (
          <tr id={`schedule-${schedule.provider}`}>
            <th scope="row">{schedule.provider}</th>
            <td data-label="State">
              <State schedule={schedule} />
            </td>
            <td data-label="Last run">
              <LastRun schedule={schedule} sweep={lastSweep} />
            </td>
            <td data-label="Next run">
              {schedule.nextRunAt === null ? '–' : <Moment at={schedule.nextRunAt} />}
            </td>
            <td data-label="Interval">
              <Interval schedule={schedule} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function State({ schedule: { paused, note, running } }: { schedule: Schedule }) {
  return (
    <>
      {paused ? <Badge tone="warn">Paused</Badge> : <Badge tone="good">Active</Badge>}
      {running.length > 0 && <Badge tone="busy">Sweeping</Badge>}
      {paused && note !== null && note !== '' && <span class="detail">{note}</span>}
    </>
  );
}

function LastRun({ schedule, sweep }: { schedule: Schedule; sweep: ListedSweep | null }) {
  const at = sweep?.endedAt ?? schedule.lastRun?.startedAt ?? null;
  if (at === null) return <>never</>;
  const { summary = null, failure = null } = sweep ?? {};
  return (
    <>
      <Moment at={at} />
      {summary !== null && <span class="detail">{summaryLine(summary)}</span>}
      {failure !== null && <span class="detail bad">{failure}</span>}
    </>
  );
}

function Interval({ schedule: { everyMs, configuredEveryMs } }: { schedule: Schedule }) {
  return (
    <>
      {everyMs === null ? 'as set in Temporal' : duration(everyMs)}
      {configuredEveryMs !== null && configuredEveryMs !== everyMs && (
        <span class="detail">configured: {duration(configuredEveryMs)}</span>
      )}
      {configuredEveryMs === null && <span class="detail">no longer configured</span>}
    </>
  );
}
