/** Admin → Workers: one row for each provider's schedule, and below it what the organisation's accounts come to. */
import type { Schedule } from '../../api/schedule-client';
import type { Statistics } from '../../api/statistics';
import type { ListedSweep } from '../../api/workflow-client';
import type { Lane } from '../../domain/lane';
import { summaryLine } from '../../domain/sweep';
import type { UiDependencies } from '../dependencies';
import { Badge } from '../parts/badge';
import { TerminalDialog } from '../parts/terminal-dialog';
import { duration, Moment } from '../parts/time';
import { ScheduleButtons, ScheduleDialogs } from './schedule-actions';
import { StatisticsSections } from './statistics';

interface WorkersView {
  /** How many workers have asked for work lately. */
  alive: number;
  schedules: {
    schedule: Schedule;
    lastSweep: ListedSweep | null;
    /** The provider's OAuth apps that nothing but probes is sent for just now. */
    closed: Lane[];
  }[];
}

/** The schedules, what each one's last finished sweep came to, and what keeps the next from sending. */
export async function loadWorkers({
  schedules,
  workflows,
  store,
}: Pick<UiDependencies, 'schedules' | 'workflows' | 'store'>): Promise<WorkersView> {
  const [all, alive, lanes] = await Promise.all([
    schedules.list(),
    workflows.workers(),
    store.lanes.list(),
  ]);
  return {
    alive,
    schedules: await Promise.all(
      all.map(async (schedule) => {
        // Running ones come first; a schedule has one at a time.
        const { items } = await workflows.sweeps({ provider: schedule.provider }, { limit: 2 });
        return {
          schedule,
          lastSweep: items.find(({ endedAt }) => endedAt !== null) ?? null,
          closed: lanes.filter(
            ({ provider, state }) => provider === schedule.provider && state !== 'open',
          ),
        };
      }),
    ),
  };
}

interface WorkersProps {
  workers: WorkersView;
  statistics: Statistics;
  mayAct: boolean;
}

export function WorkersPage(props: WorkersProps) {
  return (
    <>
      {/* What opens from here; the dialog of each button is at the end of the page. */}
      <div class="toolbar">
        <TerminalDialog />
        <a class="button" href="/admin/workflows">
          Workflow history
        </a>
      </div>
      <div id="workers" hx-sse:connect="/admin/workers/stream" hx-swap="innerMorph">
        <Workers {...props} />
      </div>
      {/* Not within the part that is followed live, which is replaced while somebody is typing. */}
      {props.mayAct &&
        props.workers.schedules.map(({ schedule }) => <ScheduleDialogs schedule={schedule} />)}
    </>
  );
}

/** The part that is followed live. */
export function Workers({ workers: { schedules, alive }, statistics, mayAct }: WorkersProps) {
  return (
    <>
      <section aria-labelledby="schedules-title">
        <h2 id="schedules-title">
          Schedules <Alive count={alive} />
        </h2>
        {schedules.length === 0 ? (
          <p class="empty">No provider is configured: add one to providers.yaml.</p>
        ) : (
          <Schedules schedules={schedules} mayAct={mayAct} />
        )}
      </section>
      <StatisticsSections statistics={statistics} />
    </>
  );
}

function Alive({ count }: { count: number }) {
  if (count === 0) return <Badge tone="bad">No worker is alive: nothing is refreshed</Badge>;
  return (
    <Badge tone="good">
      {count} {count === 1 ? 'worker' : 'workers'} alive
    </Badge>
  );
}

function Schedules({ schedules, mayAct }: Pick<WorkersView, 'schedules'> & { mayAct: boolean }) {
  return (
    <table class="rows">
      <thead>
        <tr>
          <th scope="col">Provider</th>
          <th scope="col">State</th>
          <th scope="col">Last run</th>
          <th scope="col">Next run</th>
          <th scope="col">Interval</th>
          {mayAct && <th scope="col">Actions</th>}
        </tr>
      </thead>
      <tbody>
        {schedules.map(({ schedule, lastSweep, closed }) => (
          <tr id={`schedule-${schedule.provider}`}>
            <th scope="row">{schedule.provider}</th>
            <td data-label="State">
              <State schedule={schedule} />
              {closed.map((lane) => (
                <ClosedLane lane={lane} />
              ))}
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
            {mayAct && (
              <td data-label="Actions">
                <ScheduleButtons schedule={schedule} />
              </td>
            )}
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

/** An incident of the OAuth app, or an outage of its provider: no account is to blame. */
function ClosedLane({ lane: { environment, state, since, failure } }: { lane: Lane }) {
  return (
    <>
      <Badge tone="bad">{state === 'parked' ? 'App refused' : 'Provider away'}</Badge>
      <span class="detail bad">
        {environment}: {failure?.code}
        {since !== null && (
          <>
            {' since '}
            <Moment at={since} />
          </>
        )}
        ; one account at a time asks whether it is over.
      </span>
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
