/** Workers: the schedules from Temporal, updated live, and actions on schedules. */
import { z } from 'zod';
import { interval, note } from '../../api/routes/schedules/schedule-body';
import { asConfigured } from '../../domain/text/time-text';
import {
  deleteSchedule,
  intervalDoubt,
  pauseSchedule,
  resumeSchedule,
  type ScheduleCaller,
  setSchedule,
  triggerSchedule,
} from '../../services/schedules/schedule-actions';
import type { UiDependencies } from '../dependencies';
import { answerDone } from '../done';
import type { Done, Session, UiApp, UiContext } from '../env';
import { EMPTY_FORM, formFields, parsedForm } from '../form';
import { showPage } from '../layout';
import { liveFragment, sharedFor } from '../live';
import type { ScheduleAction } from '../pages/schedule-actions';
import { loadWorkers, Workers, WorkersPage } from '../pages/workers';
import { Notice } from '../parts/notice';
import { SubmittedForm } from '../parts/submitted-form';
import { mayOperate, mayRead } from '../permissions';

const PATH = '/admin/workers';
/** How long one load of the schedules is shared by all viewers, in ms. Each viewer sees what its scopes allow. */
const SHARED_MS = 900;

const Form = z.object({ every: interval.optional(), note: note.or(z.literal('')).optional() });
const IntervalForm = Form.extend({ every: interval });
type Form = z.infer<typeof Form>;

export function registerWorkers(ui: UiApp, deps: UiDependencies): void {
  const { schedules, statistics } = deps;
  const loadShared = sharedFor(SHARED_MS, () => loadWorkers(deps));
  const load = async (session: Session) => {
    const [workers, numbers] = await Promise.all([
      loadShared(),
      mayRead(session) ? statistics(session.organisation) : null,
    ]);
    return { workers, statistics: numbers, mayOperate: mayOperate(session) };
  };

  ui.get(PATH, async (c) =>
    showPage(
      c,
      { title: 'Workers', section: PATH, live: true },
      <WorkersPage {...(await load(c.get('session')))} />,
    ),
  );
  ui.get(`${PATH}/stream`, (c) =>
    liveFragment(c, deps, async () => <Workers {...(await load(c.get('session')))} />),
  );

  /** Each action returns the text of its notice, and the form that undoes it. */
  const acts: Record<
    ScheduleAction,
    (id: string, form: Form, caller: ScheduleCaller) => Promise<Omit<Done, 'warnings'>>
  > = {
    async run(id, { note: why }, caller) {
      const { provider } = await triggerSchedule(deps, id, why, caller);
      return { text: `A sweep of ${provider} starts now.` };
    },
    async pause(id, { note: why }, caller) {
      const { provider } = await pauseSchedule(deps, id, why, caller);
      return {
        text: `The sweeps of ${provider} are paused.`,
        undo: { action: actionPath(id, 'resume') },
      };
    },
    async resume(id, { note: why }, caller) {
      const { provider } = await resumeSchedule(deps, id, why, caller);
      return {
        text: `The sweeps of ${provider} are resumed.`,
        undo: { action: actionPath(id, 'pause') },
      };
    },
    async interval(id, { every, note: why }, caller) {
      const all = await schedules.list();
      const before = all.find((one) => one.id === id)?.everyMs ?? null;
      const { provider } = await setSchedule(deps, id, { everyMs: every, note: why }, caller);
      return {
        text: `The sweeps of ${provider} start every ${asConfigured(every ?? 0)}.`,
        ...(before === null
          ? {}
          : {
              undo: {
                action: actionPath(id, 'interval'),
                fields: { every: asConfigured(before), confirmed: 'yes' },
              },
            }),
      };
    },
    async delete(id, _form, caller) {
      await deleteSchedule(deps, id, caller);
      return { text: 'The schedule is deleted.' };
    },
  };

  for (const [action, act] of Object.entries(acts)) {
    ui.post(`${PATH}/:schedule_id/${action}`, async (c) => {
      const fields = await formFields(c);
      const form = parsedForm(action === 'interval' ? IntervalForm : Form, fields);
      const doubt = form.every === undefined ? null : intervalDoubt(form.every);
      if (doubt !== null && fields['confirmed'] === undefined)
        return askAgain(c, fields, `Sweep every ${fields['every']}`, doubt);
      const caller = { ...c.get('session'), through: 'page' } as const;
      return answerDone(c, deps, PATH, await act(c.req.param('schedule_id'), form, caller));
    });
  }
}

/** Asks whether a value is meant; the answer sends the same form, confirmed. */
function askAgain(
  c: UiContext,
  fields: Readonly<Record<string, string>>,
  what: string,
  doubt: string,
): Promise<Response> {
  const values = Object.fromEntries(
    Object.entries({ ...fields, confirmed: 'yes' }).map(([name, value]) => [name, [value]]),
  );
  return showPage(
    c,
    { title: 'Are you sure?', section: PATH, narrow: true },
    <SubmittedForm
      action={c.req.path}
      names={Object.keys(values)}
      state={{ ...EMPTY_FORM, values }}
      submit={what}
      back={PATH}
      danger
      isKept
    >
      <Notice kind="note">{doubt}</Notice>
    </SubmittedForm>,
  );
}

function actionPath(id: string, action: ScheduleAction): string {
  return `${PATH}/${encodeURIComponent(id)}/${action}`;
}
