/**
 * Admin → Workers: one row per provider's schedule. Notes and counts of sweeps are shown only to operators, because they
 * concern all organisations.
 */
import { OPERATOR_AUDIT } from '../../domain/access/organisation';
import type { AppLimiter } from '../../domain/limits/app-limiter';
import { shownFailure } from '../../domain/limits/limiter-outcome';
import { type SweepSummary, summaryText } from '../../domain/refresh/sweep';
import type { Statistics } from '../../services/overview/statistics';
import { sum } from '../../services/overview/sum';
import type { Schedule } from '../../temporal/schedule-client';
import type { ListedSweep } from '../../temporal/workflow-client';
import type { UiDependencies } from '../dependencies';
import { NEEDS_OPERATOR } from '../guard';
import { Badge } from '../parts/badge';
import { TerminalDialog } from '../parts/terminal-dialog';
import { duration, Moment } from '../parts/time';
import { ScheduleButtons, ScheduleDialogs } from './schedule-actions';

export interface WorkersView {
  /** The number of workers that polled recently. */
  alive: number;
  schedules: {
    schedule: Schedule;
    lastSweep: ListedSweep | null;
    /** The accounts of all organisations that its sweeps refresh; `null` until a worker has counted them. */
    accounts: number | null;
    /** The provider's OAuth apps whose circuit is open. */
    open: AppLimiter[];
  }[];
}

/** The caller for reading sweeps on behalf of all viewers; rendering decides what each viewer sees. */
const OPERATOR = { organisation: OPERATOR_AUDIT, scopes: ['operator'] } as const;

/** The schedules, each with the result of its last finished sweep, its open circuits and its accounts. */
export async function loadWorkers({
  schedules,
  workflows,
  store,
  now,
}: Pick<UiDependencies, 'schedules' | 'workflows' | 'store' | 'now'>): Promise<WorkersView> {
  const [all, alive, limiters] = await Promise.all([
    schedules.list(),
    workflows.workers(),
    store.limiters.list(),
  ]);
  const perApp = await store.dueAccounts.perApp(
    all.map(({ provider }) => provider),
    now(),
  );
  const accountsOf = (provider: string) =>
    sum(perApp.counts.filter((app) => app.provider === provider).map(({ accounts }) => accounts));
  return {
    alive,
    schedules: await Promise.all(
      all.map(async (schedule) => {
        // Running sweeps come first, and a schedule runs one at a time.
        const { items } = await workflows.sweeps(
          OPERATOR,
          { provider: schedule.provider },
          { limit: 2 },
        );
        return {
          schedule,
          lastSweep: items.find(({ endedAt }) => endedAt !== null) ?? null,
          accounts: perApp.asOf === null ? null : accountsOf(schedule.provider),
          open: limiters.filter(
            ({ provider, state }) => provider === schedule.provider && state !== 'closed',
          ),
        };
      }),
    ),
  };
}

type SchedulesProps = Pick<WorkersView, 'schedules'> & Omit<WorkersProps, 'workers'>;

interface WorkersProps {
  workers: WorkersView;
  /** `null`: the session may not read accounts. */
  statistics: Statistics | null;
  mayOperate: boolean;
}

export function WorkersPage(props: WorkersProps) {
  return (
    <>
      {/* Links and dialogs opened from this page; the confirmation dialogs are at the end of the page. */}
      <div class="toolbar">
        {props.statistics !== null && <TerminalDialog />}
        <a class="button" href="/admin/workflows">
          Workflow history
        </a>
      </div>
      <div id="workers" hx-sse:connect="/admin/workers/stream" hx-swap="innerMorph">
        <Workers {...props} />
      </div>
      {/* Outside the live fragment, which may be replaced while a person types. */}
      {props.mayOperate &&
        props.workers.schedules.map(({ schedule }) => <ScheduleDialogs schedule={schedule} />)}
    </>
  );
}

/** The live fragment. */
export function Workers({ workers: { schedules, alive }, statistics, mayOperate }: WorkersProps) {
  return (
    <>
      <section aria-labelledby="schedules-title">
        <h2 id="schedules-title">
          Schedules <Alive count={alive} />
        </h2>
        {schedules.length === 0 ? (
          <p class="empty">No provider is configured. Add one to providers.yaml.</p>
        ) : (
          <Schedules schedules={schedules} statistics={statistics} mayOperate={mayOperate} />
        )}
        {!mayOperate && <p class="muted">{NEEDS_OPERATOR}</p>}
      </section>
    </>
  );
}

function Alive({ count }: { count: number }) {
  if (count === 0) return <Badge tone="bad">No worker is alive: accounts are not refreshed</Badge>;
  return (
    <Badge tone="good">
      {count} {count === 1 ? 'worker' : 'workers'} alive
    </Badge>
  );
}

/** Selects the OAuth apps whose incidents a session sees: operators all of them, organisations the apps of their accounts. */
export function concerns(
  statistics: Statistics | null,
  isOperator: boolean,
): (app: Pick<AppLimiter, 'provider' | 'environment'>) => boolean {
  return ({ provider, environment }) =>
    isOperator ||
    (statistics?.accounts.some(
      (group) => group.provider === provider && group.environment === environment,
    ) ??
      false);
}

/** Schedules without accounts that are shown as rows. A fold of fewer saves no room, and costs each action a click. */
const IDLE_ROWS_MAX = 2;

/** Schedules without accounts are folded, unless there are few of them or no others. */
function Schedules(props: SchedulesProps) {
  const { schedules, statistics, mayOperate } = props;
  const isIdle = ({ schedule, accounts, lastSweep, open }: WorkersView['schedules'][number]) =>
    hasNoAccounts(schedule.provider, { accounts, statistics, mayOperate }) &&
    !schedule.paused &&
    schedule.configuredEveryMs !== null &&
    (lastSweep?.failure ?? null) === null &&
    open.length === 0;
  const idle = schedules.filter(isIdle);
  if (idle.length <= IDLE_ROWS_MAX || idle.length === schedules.length)
    return <ScheduleTable {...props} />;
  return (
    <>
      <ScheduleTable {...props} schedules={schedules.filter((one) => !isIdle(one))} />
      <details id="idle-schedules" class="fold">
        <summary>
          {idle.length} {idle.length === 1 ? 'provider has' : 'providers have'} no accounts to
          refresh:{' '}
          <span class="muted">{idle.map(({ schedule }) => schedule.provider).join(', ')}</span>
        </summary>
        <ScheduleTable {...props} schedules={idle} />
      </details>
    </>
  );
}

/** Only operators may learn about the accounts of other organisations. */
function hasNoAccounts(
  provider: string,
  {
    accounts,
    statistics,
    mayOperate,
  }: { accounts: number | null } & Pick<WorkersProps, 'statistics' | 'mayOperate'>,
): boolean {
  if (mayOperate) return accounts === 0;
  return statistics !== null && !statistics.accounts.some((group) => group.provider === provider);
}

function ScheduleTable({ schedules, statistics, mayOperate }: SchedulesProps) {
  const isConcerned = concerns(statistics, mayOperate);
  return (
    <table class="rows">
      <thead>
        <tr>
          <th scope="col">Provider</th>
          <th scope="col">State</th>
          <th scope="col">Last run</th>
          <th scope="col">Next run</th>
          <th scope="col">Interval</th>
          {mayOperate && <th scope="col">Actions</th>}
        </tr>
      </thead>
      <tbody>
        {schedules.map(({ schedule, lastSweep, open }) => (
          <tr id={`schedule-${schedule.provider}`}>
            <th scope="row">{schedule.provider}</th>
            <td data-label="State">
              <State schedule={schedule} mayOperate={mayOperate} />
              {open.filter(isConcerned).map((limiter) => (
                <OpenCircuit limiter={limiter} />
              ))}
            </td>
            <td data-label="Last run">
              <LastRun schedule={schedule} sweep={lastSweep} mayOperate={mayOperate} />
            </td>
            <td data-label="Next run">
              {schedule.nextRunAt === null ? '–' : <Moment at={schedule.nextRunAt} />}
            </td>
            <td data-label="Interval">
              <Interval schedule={schedule} />
            </td>
            {mayOperate && (
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

function State({
  schedule: { paused, note, running, configuredEveryMs },
  mayOperate,
}: {
  schedule: Schedule;
  mayOperate: boolean;
}) {
  return (
    <>
      {configuredEveryMs === null && <Badge tone="warn">Provider not configured</Badge>}
      {paused && <Badge tone="warn">Paused</Badge>}
      {!paused && configuredEveryMs !== null && running.length === 0 && (
        <Badge tone="good">Active</Badge>
      )}
      {running.length > 0 && <Badge tone="active">Sweeping</Badge>}
      {mayOperate && paused && note !== null && note !== '' && <span class="detail">{note}</span>}
    </>
  );
}

/** An incident of the OAuth app or an outage of its provider. No account caused it. */
function OpenCircuit({ limiter }: { limiter: AppLimiter }) {
  const { environment, state, since } = limiter;
  const failure = shownFailure(limiter);
  return (
    <>
      <Badge tone="bad">
        {state === 'open_credentials' ? 'OAuth app refused' : 'Provider outage'}
      </Badge>
      <span class="detail bad">
        {environment}: {failure?.code}
        {failure?.detail !== undefined && ` (“${failure.detail}”)`}
        {since !== null && (
          <>
            , circuit opened <Moment at={since} />
          </>
        )}
        . Evergrant tests with one account at a time until requests succeed.
      </span>
    </>
  );
}

function LastRun({
  schedule,
  sweep,
  mayOperate,
}: {
  schedule: Schedule;
  sweep: ListedSweep | null;
  mayOperate: boolean;
}) {
  const at = sweep?.endedAt ?? schedule.lastRun?.startedAt ?? null;
  if (at === null) return <>never</>;
  const { summary = null, failure = null } = (mayOperate ? sweep : null) ?? {};
  return (
    <>
      <Moment at={at} />
      {summary !== null && <span class="detail">{sweptText(summary)}</span>}
      {failure !== null && <span class="detail bad">{failure}</span>}
    </>
  );
}

/** The row names the provider. */
function sweptText(summary: SweepSummary): string {
  const { environment } = summary;
  return environment === null ? summaryText(summary) : `${environment}: ${summaryText(summary)}`;
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
