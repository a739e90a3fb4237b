/** Pausing, resuming and triggering a schedule: three routes that differ only in their words and in what they do. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import {
  pauseSchedule,
  resumeSchedule,
  triggerSchedule,
} from '../../../services/schedules/schedule-actions';
import { NoteBody, ScheduleBody, ScheduleParams, scheduleBody } from './schedule-body';

interface Action<Name> {
  name: Name;
  summary: string;
  description: string;
  act: typeof pauseSchedule;
}

export const registerPauseSchedule = registrationOf({
  name: 'pause',
  summary: 'Pause a schedule until it is resumed, over restarts; it serves all organisations',
  description: 'As Temporal holds it now',
  act: pauseSchedule,
});

export const registerResumeSchedule = registrationOf({
  name: 'resume',
  summary: 'Resume a paused schedule',
  description: 'As Temporal holds it now',
  act: resumeSchedule,
});

export const registerTriggerSchedule = registrationOf({
  name: 'trigger',
  summary: 'Run the sweep of a schedule at once, paused or not; while one runs, nothing is added',
  description:
    'As Temporal holds it now; the note is written to the log, the one of the schedule stays',
  act: triggerSchedule,
});

function registrationOf<const Name extends string>({
  name,
  summary,
  description,
  act,
}: Action<Name>) {
  const route = createRoute({
    method: 'post',
    path: `/api/admin/schedules/{schedule_id}/${name}` as const,
    operationId: `${name}Schedule`,
    tags: ['Schedules'],
    summary,
    ...forScope('operator'),
    request: {
      params: ScheduleParams,
      body: { content: { 'application/json': { schema: NoteBody } } },
    },
    responses: {
      200: { description, content: { 'application/json': { schema: ScheduleBody } } },
      ...bodyErrorResponses,
    },
  });
  return (app: ApiApp, deps: ApiDependencies) =>
    app.openapi(route, async (c) => {
      const principal = c.get('principal');
      const { schedule_id } = c.req.valid('param');
      const { note } = NoteBody.parse(c.req.valid('json') ?? {});
      const schedule = await act(deps, schedule_id, note, { ...principal, through: 'api' });
      return c.json(scheduleBody(schedule, principal), 200);
    });
}
