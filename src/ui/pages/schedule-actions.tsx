/** The actions of an operator on a schedule: the buttons in its row, and the dialogs that ask for confirmation. */
import { NOTE_MAX } from '../../api/routes/schedules/schedule-body';
import { asConfigured } from '../../domain/text/time-text';
import type { Schedule } from '../../temporal/schedule-client';
import { Confirm, ConfirmButton } from '../parts/confirm';
import { Field } from '../parts/form';

export type ScheduleAction = 'run' | 'pause' | 'resume' | 'interval' | 'delete';

export function ScheduleButtons({ schedule }: { schedule: Schedule }) {
  const { provider, paused, configuredEveryMs } = schedule;
  const opens = (action: ScheduleAction) => ({ opens: dialogId(schedule, action), of: provider });
  const pause = <ConfirmButton {...opens('pause')}>Pause</ConfirmButton>;
  if (configuredEveryMs === null) {
    return (
      <div class="actions">
        {!paused && pause}
        <ConfirmButton {...opens('delete')}>Delete</ConfirmButton>
      </div>
    );
  }
  return (
    <div class="actions">
      <ConfirmButton {...opens('run')}>Run now</ConfirmButton>
      {paused ? <ConfirmButton {...opens('resume')}>Resume</ConfirmButton> : pause}
      <ConfirmButton {...opens('interval')}>Change interval</ConfirmButton>
    </div>
  );
}

/** Renders the dialogs of all actions, because the schedule's state may change while the page is open. */
export function ScheduleDialogs({ schedule }: { schedule: Schedule }) {
  const { provider, everyMs } = schedule;
  const dialog = (action: ScheduleAction) => ({
    id: dialogId(schedule, action),
    action: `/admin/workers/${encodeURIComponent(schedule.id)}/${action}`,
  });
  return (
    <>
      <Confirm {...dialog('run')} title={`Run the sweep of ${provider} now?`} submit="Run now">
        <p>
          Evergrant refreshes all due accounts now. If a sweep is already running, no second one
          starts.
        </p>
        <Note schedule={schedule} action="run" hint="Written to the log." />
      </Confirm>
      <Confirm
        {...dialog('pause')}
        title={`Pause the sweeps of ${provider}?`}
        submit="Pause"
        danger
      >
        <p>
          No sweep starts until you resume the schedule. This affects all organisations, and access
          tokens may expire in the meantime.
        </p>
        <Note schedule={schedule} action="pause" required />
      </Confirm>
      <Confirm {...dialog('resume')} title={`Resume the sweeps of ${provider}?`} submit="Resume">
        <p>The next sweep starts at the next scheduled time.</p>
        <Note schedule={schedule} action="resume" />
      </Confirm>
      <Confirm
        {...dialog('interval')}
        title={`Change the interval of ${provider}`}
        submit="Change interval"
      >
        <p>
          A paused schedule stays paused. The new interval applies until you change it in
          providers.yaml.
        </p>
        <Field
          id={`${dialogId(schedule, 'interval')}-every`}
          name="every"
          label="Sweep every"
          hint="For example 90s, 10m or 1h."
          value={everyMs === null ? '' : asConfigured(everyMs)}
          required
        />
        <Note schedule={schedule} action="interval" />
      </Confirm>
      <Confirm
        {...dialog('delete')}
        title={`Delete the schedule of ${provider}?`}
        submit="Delete"
        danger
      >
        <p>
          The provider is not configured. Its accounts are kept. If you configure the provider
          again, the next start creates the schedule again.
        </p>
      </Confirm>
    </>
  );
}

interface NoteProps {
  schedule: Schedule;
  action: ScheduleAction;
  hint?: string;
  required?: boolean;
}

function Note({ schedule, action, hint = 'Also shown in Temporal.', required = false }: NoteProps) {
  return (
    <Field
      id={`${dialogId(schedule, action)}-note`}
      name="note"
      label="Reason"
      hint={hint}
      maxLength={NOTE_MAX}
      required={required}
    />
  );
}

function dialogId({ provider }: Schedule, action: ScheduleAction): string {
  return `${action}-${provider}`;
}
