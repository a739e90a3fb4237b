/** The routes that pause, resume and trigger a schedule. They differ only in their texts and in the action. */
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
  description?: string;
  act: typeof pauseSchedule;
}

export const registerPauseSchedule = registrationOf({
  name: 'pause',
  summary: 'Pause a schedule until it is resumed',
  description: 'The pause survives restarts. It concerns all organisations.',
  act: pauseSchedule,
});

export const registerResumeSchedule = registrationOf({
  name: 'resume',
  summary: 'Resume a paused schedule',
  act: resumeSchedule,
});

export const registerTriggerSchedule = registrationOf({
  name: 'trigger',
  summary: 'Run the sweep of a schedule now',
  description:
    'Also runs a paused schedule once. If a sweep is already running, none is started. The note is written to the log and does not replace the note of the schedule.',
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
    ...(description === undefined ? {} : { description }),
    ...forScope('operator'),
    request: {
      params: ScheduleParams,
      body: { content: { 'application/json': { schema: NoteBody } } },
    },
    responses: {
      200: {
        description: 'The schedule, as read from Temporal',
        content: { 'application/json': { schema: ScheduleBody } },
      },
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
