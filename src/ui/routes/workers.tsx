/** Workers: the schedules from Temporal, updated live, and actions on schedules. */
import { z } from 'zod';
import { interval, note } from '../../api/routes/schedules/schedule-body';
import { ServiceError } from '../../domain/service-error';
import {
  deleteSchedule,
  pauseSchedule,
  resumeSchedule,
  type ScheduleCaller,
  setSchedule,
  triggerSchedule,
} from '../../services/schedules/schedule-actions';
import type { UiDependencies } from '../dependencies';
import type { Session, UiApp } from '../env';
import { formFields } from '../form';
import { showPage } from '../layout';
import { liveFragment, sharedFor } from '../live';
import type { ScheduleAction } from '../pages/schedule-actions';
import { loadWorkers, Workers, WorkersPage } from '../pages/workers';
import { mayOperate, mayRead } from '../permissions';

const PATH = '/admin/workers';
/** How long one load of the schedules is shared by all viewers, in ms. Each viewer sees what its scopes allow. */
const SHARED_MS = 900;

const Form = z.object({ every: interval.optional(), note: note.or(z.literal('')).optional() });
type Form = z.infer<typeof Form>;

export function registerWorkers(ui: UiApp, deps: UiDependencies): void {
  const { statistics } = deps;
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

  const acts: Record<
    ScheduleAction,
    (id: string, form: Form, caller: ScheduleCaller) => Promise<unknown>
  > = {
    run: (id, { note: why }, caller) => triggerSchedule(deps, id, why, caller),
    pause: (id, { note: why }, caller) => pauseSchedule(deps, id, why, caller),
    resume: (id, { note: why }, caller) => resumeSchedule(deps, id, why, caller),
    interval(id, { every: everyMs, note: why }, caller) {
      if (everyMs === undefined)
        throw new ServiceError('invalid_request', 'Enter the new interval, such as 10m.');
      return setSchedule(deps, id, { everyMs, note: why }, caller);
    },
    delete: (id, _form, caller) => deleteSchedule(deps, id, caller),
  };

  for (const [action, act] of Object.entries(acts)) {
    ui.post(`${PATH}/:schedule_id/${action}`, async (c) => {
      const form = formOf(await formFields(c));
      await act(c.req.param('schedule_id'), form, { ...c.get('session'), through: 'page' });
      return c.redirect(PATH, 303);
    });
  }
}

/** @throws {ServiceError} with a message that names the field */
function formOf(body: unknown): Form {
  const parsed = Form.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path[0] === 'every' ? 'The interval' : 'The note';
  throw new ServiceError('invalid_request', `${field} is invalid: ${issue?.message ?? ''}.`);
}
