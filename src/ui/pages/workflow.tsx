/** One workflow: its readable history, and the actions of admins and operators. */
import { NOTE_MAX } from '../../api/routes/schedules/schedule-body';
import { cliOption } from '../../domain/text/shell-command';
import type { HistoryEvent } from '../../temporal/readable-history';
import type { WorkflowHistory } from '../../temporal/workflow-client';
import { Commands, type RepeatedBy } from '../parts/commands';
import { Confirm, ConfirmButton } from '../parts/confirm';
import { Copyable } from '../parts/copy';
import { Field } from '../parts/form';
import { Moment } from '../parts/time';
import { durationOf, WorkflowState, workflowPath } from './workflows';

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
  return (
    <>
      <Facts history={history} />
      <section aria-labelledby="events-title">
        <h2 id="events-title">History</h2>
        <table class="rows">
          <thead>
            <tr>
              <th scope="col">Event</th>
              <th scope="col">When</th>
              <th scope="col">Activity</th>
              <th scope="col">Attempt</th>
              <th scope="col">Next attempt</th>
            </tr>
          </thead>
          <tbody>
            {history.events.map((event) => (
              <Event event={event} />
            ))}
            {history.pending.map((pending) => (
              <tr>
                <th scope="row">
                  in progress
                  {pending.failure !== null && <span class="detail bad">{pending.failure}</span>}
                </th>
                <td data-label="When">now</td>
                <td data-label="Activity">{pending.activity}</td>
                <td data-label="Attempt">{pending.attempt}</td>
                <td data-label="Next attempt">
                  {pending.nextRetryAt === null ? '–' : <Moment at={pending.nextRetryAt} />}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}

function Facts({ history }: Pick<WorkflowProps, 'history'>) {
  const { workflowId, runId, accountId } = history;
  return (
    <dl class="workflow-facts card">
      <div>
        <dt>Status</dt>
        <dd>
          <WorkflowState status={history.status} />
          {history.outcome}
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
      <div>
        <dt>Source</dt>
        <dd>{history.source ?? '–'}</dd>
      </div>
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

function Event({ event }: { event: HistoryEvent }) {
  return (
    <tr>
      <th scope="row" title={event.type}>
        {event.what}
        {event.failure !== null && <span class="detail bad">{event.failure}</span>}
      </th>
      <td data-label="When">
        <Moment at={event.at} />
      </td>
      <td data-label="Activity">{event.activity ?? '–'}</td>
      <td data-label="Attempt">{event.attempt ?? '–'}</td>
      <td data-label="Next attempt">
        {event.nextRetryAt === null ? '–' : <Moment at={event.nextRetryAt} />}
      </td>
    </tr>
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
