/** One workflow: its readable history, and the actions of admins and operators. */
import type { PropsWithChildren } from 'hono/jsx';
import { NOTE_MAX } from '../../api/routes/schedules/schedule-body';
import { cliOption } from '../../domain/text/shell-command';
import { momentText } from '../../domain/text/time-text';
import type { HistoryEvent } from '../../temporal/readable-history';
import type { WorkflowHistory } from '../../temporal/workflow-client';
import { Commands, type RepeatedBy } from '../parts/commands';
import { Confirm, ConfirmButton } from '../parts/confirm';
import { Copyable } from '../parts/copy';
import { Field } from '../parts/form';
import { duration, Moment } from '../parts/time';
import { durationOf, WorkflowOutcome, workflowPath } from './workflows';

interface WorkflowProps {
  history: WorkflowHistory;
  mayAct: boolean;
  origin: string;
}

export function WorkflowPage({ history, mayAct, origin }: WorkflowProps) {
  const isRunning = history.status === 'running';
  return (
    <>
      <div class="toolbar">
        <a class="button" href="/admin/workflows">
          All workflows
        </a>
        {history.uiUrl !== null && (
          <a class="button" href={history.uiUrl} rel="noreferrer">
            Open in Temporal’s UI
          </a>
        )}
        {mayAct && isRunning && (
          <ConfirmButton opens="terminate" of={history.workflowId} danger>
            Terminate
          </ConfirmButton>
        )}
        {mayAct && !isRunning && history.provider !== null && (
          <ConfirmButton opens="retry" of={history.workflowId}>
            {history.type === 'sweep' ? 'Sweep again' : 'Refresh again'}
          </ConfirmButton>
        )}
        <Commands origin={origin} of="this workflow" commands={commandsOf(history, mayAct)} />
      </div>
      <div id="workflow" hx-sse:connect={`${workflowPath(history)}/stream`} hx-swap="innerMorph">
        <Workflow history={history} />
      </div>
      {mayAct && <Dialogs history={history} />}
    </>
  );
}

function commandsOf({ workflowId, status }: WorkflowHistory, mayAct: boolean): RepeatedBy[] {
  const path = `/api/admin/workflows/${encodeURIComponent(workflowId)}`;
  const reason = 'no longer needed';
  return [
    { title: 'History', request: { path: `${path}/history` } },
    ...(mayAct && status === 'running'
      ? [
          {
            title: 'Terminate',
            request: { method: 'POST', path: `${path}/terminate`, body: { reason } },
            words: ['workflows', 'terminate', workflowId, cliOption('reason', reason)],
          },
        ]
      : []),
  ];
}

/** The live fragment. */
export function Workflow({ history }: Pick<WorkflowProps, 'history'>) {
  const { startedAt, pending } = history;
  const events = withoutRepeatedResult(history.events);
  const hasNext = [...events, ...pending].some(({ nextRetryAt }) => nextRetryAt !== null);
  return (
    <>
      <Facts history={history} />
      <section aria-labelledby="events-title">
        <h2 id="events-title">History</h2>
        <table class="rows">
          <thead>
            <tr>
              <th scope="col">Event</th>
              <th scope="col">After the start</th>
              <th scope="col">Activity</th>
              <th scope="col">Attempt</th>
              {hasNext && <th scope="col">Next attempt</th>}
            </tr>
          </thead>
          <tbody>
            {events.map((event) => (
              <Row {...event} name={event.type} hasNext={hasNext}>
                <Elapsed from={startedAt} at={event.at} />
              </Row>
            ))}
            {pending.map((step) => (
              <Row {...step} what="in progress" hasNext={hasNext}>
                now
              </Row>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}

/** The end of a workflow repeats the result of its last activity, which the row before shows. */
function withoutRepeatedResult(events: readonly HistoryEvent[]): readonly HistoryEvent[] {
  const [before, end] = events.slice(-2);
  if (before === undefined || end?.type !== 'WorkflowExecutionCompleted') return events;
  const { what, failure } = before;
  const isRepeated =
    failure === end.failure && (what === end.what || what.endsWith(`: ${end.what}`));
  return isRepeated
    ? [...events.slice(0, -1), { ...end, what: 'finished', failure: null }]
    : events;
}

function Facts({ history }: Pick<WorkflowProps, 'history'>) {
  const { workflowId, runId, accountId } = history;
  return (
    <dl class="workflow-facts card">
      <div>
        <dt>Status</dt>
        <dd>
          <WorkflowOutcome {...history} />
        </dd>
      </div>
      <div>
        <dt>Started</dt>
        <dd>
          <Moment at={history.startedAt} />
        </dd>
      </div>
      <div>
        <dt>Duration</dt>
        <dd>{durationOf(history)}</dd>
      </div>
      {history.source !== null && (
        <div>
          <dt>Source</dt>
          <dd>{history.source}</dd>
        </div>
      )}
      {accountId !== null && (
        <div>
          <dt>Account</dt>
          <dd>
            <a href={`/admin/accounts/${accountId}`}>{accountId}</a>
          </dd>
        </div>
      )}
      <div>
        <dt>Run</dt>
        <dd>
          <Copyable text={workflowId} of="the workflow id" />{' '}
          <Copyable text={runId} of="the run id" />
        </dd>
      </div>
    </dl>
  );
}

interface RowProps extends Pick<HistoryEvent, 'activity' | 'attempt' | 'failure' | 'nextRetryAt'> {
  what: string;
  /** Temporal's name for the event. */
  name?: string;
  hasNext: boolean;
}

function Row(props: PropsWithChildren<RowProps>) {
  const { what, name, activity, attempt, failure, nextRetryAt, hasNext, children } = props;
  return (
    <tr>
      <th scope="row" {...(name === undefined ? {} : { title: name })}>
        {what}
        {failure !== null && <span class="detail bad">{failure}</span>}
      </th>
      <td data-label="After the start">{children}</td>
      <td data-label="Activity">{activity}</td>
      <td data-label="Attempt">{attempt}</td>
      {hasNext && (
        <td data-label="Next attempt">{nextRetryAt !== null && <Moment at={nextRetryAt} />}</td>
      )}
    </tr>
  );
}

/** The time since the start tells events of the same second apart. The title has the moment. */
function Elapsed({ from, at }: { from: Date; at: Date }) {
  return (
    <time datetime={at.toISOString()} title={momentText(at)}>
      {duration(Math.max(0, at.getTime() - from.getTime()))}
    </time>
  );
}

function Dialogs({ history }: Pick<WorkflowProps, 'history'>) {
  const path = workflowPath(history);
  const isSweep = history.type === 'sweep';
  return (
    <>
      <Confirm
        id="terminate"
        title={`Terminate this ${history.type}?`}
        action={`${path}/terminate`}
        submit="Terminate"
        danger
      >
        <p>
          {isSweep
            ? 'This sweep serves all organisations. Refreshes that it already started continue. The next sweep refreshes the remaining accounts.'
            : 'This workflow stops retrying. The next sweep includes the account if it is due.'}
        </p>
        <Field id="terminate-reason" name="reason" label="Reason" maxLength={NOTE_MAX} required />
      </Confirm>
      <Confirm
        id="retry"
        title={isSweep ? `Sweep ${history.provider} again?` : 'Refresh this account again?'}
        action={`${path}/retry`}
        submit={isSweep ? 'Sweep again' : 'Refresh again'}
      >
        <p>
          {isSweep
            ? 'Evergrant starts a sweep that refreshes all accounts that are due now.'
            : 'Evergrant refreshes the account now, even if it is not due.'}
        </p>
      </Confirm>
    </>
  );
}
