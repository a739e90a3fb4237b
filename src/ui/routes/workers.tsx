/** Workers: the schedules as Temporal holds them and the organisation's numbers, followed live; and what acts on them. */
import { z } from 'zod';
import { callerName } from '../../api/authenticator';
import { ApiError } from '../../api/errors';
import { interval, note } from '../../api/schedule-body';
import type { UiApp, UiDependencies } from '../dependencies';
import { mayAct } from '../guard';
import { showPage } from '../layout';
import { liveFragment, sharedFor } from '../live';
import type { ScheduleAction } from '../pages/schedule-actions';
import { loadWorkers, Workers, WorkersPage } from '../pages/workers';
import type { Session } from '../sessions';

const PATH = '/admin/workers';
/** Schedules serve all organisations, so all viewers see the same. */
const SHARED_MS = 900;

const Form = z.object({ every: interval.optional(), note: note.or(z.literal('')).optional() });
type Form = z.infer<typeof Form>;

export function registerWorkers(ui: UiApp, deps: UiDependencies): void {
  const { schedules, statistics, logger } = deps;
  const loadShared = sharedFor(SHARED_MS, () => loadWorkers(deps));
  const load = async (session: Session) => {
    const [workers, numbers] = await Promise.all([loadShared(), statistics(session.organisation)]);
    return { workers, statistics: numbers, mayAct: mayAct(session) };
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

  const act: Record<ScheduleAction, (id: string, form: Form, who: string) => Promise<unknown>> = {
    run: (id) => schedules.trigger(id),
    pause(id, { note: why }, who) {
      if (!why) throw new ApiError('invalid_request', 'Say why the schedule is to be paused.');
      return schedules.pause(id, `${why} (${who})`);
    },
    resume: (id, { note: why }, who) =>
      schedules.resume(id, why ? `${why} (${who})` : `resumed by ${who}`),
    interval(id, { every: everyMs, note: why }, who) {
      if (everyMs === undefined) throw new ApiError('invalid_request', 'Say the new interval.');
      return schedules.change(id, { everyMs, note: why ? `${why} (${who})` : undefined });
    },
  };

  for (const [action, does] of Object.entries(act)) {
    ui.post(`${PATH}/:schedule_id/${action}`, async (c) => {
      const form = formOf(await c.req.parseBody());
      const id = c.req.param('schedule_id');
      const { keyId, organisation } = c.get('session');
      await does(id, form, callerName(keyId));
      logger.info(
        {
          schedule_id: id,
          key_id: keyId,
          organisation,
          every_ms: form.every,
          note: form.note || null,
        },
        `schedule: ${action}, by a page`,
      );
      return c.redirect(PATH, 303);
    });
  }
}

/** @throws {ApiError} with a sentence that names the field */
function formOf(body: unknown): Form {
  const parsed = Form.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path[0] === 'every' ? 'The interval' : 'The note';
  throw new ApiError('invalid_request', `${field} is not usable: ${issue?.message ?? ''}.`);
}
