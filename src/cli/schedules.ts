/** Options, ids and tables that the commands for schedules share. */
import type { z } from 'zod';
import type { ScheduleBody } from '../api/routes/schedules/schedule-body';
import { noneYet } from '../domain/text/messages';
import type { Context, Option } from './command';
import { lasting, time } from './output';

type Schedule = z.infer<typeof ScheduleBody>;

export const noteOption: Option = {
  type: 'string',
  value: 'text',
  help: 'reason, shown to all operators',
};

export const NO_SCHEDULES = noneYet('schedules', 'The worker creates them when it starts.');

/** `ebay` is short for `sweep/ebay`. */
export function scheduleParam(id: string): { schedule_id: string } {
  return { schedule_id: id.includes('/') ? id : `sweep/${id}` };
}

export function showSchedules({ out }: Pick<Context, 'out'>, schedules: Schedule[]): void {
  out.table(
    ['id', 'every', 'state', 'next run', 'last run', 'note'],
    schedules.map((schedule) => [
      schedule.id,
      schedule.every_seconds === null ? 'other' : lasting(schedule.every_seconds * 1000),
      stateOf(schedule),
      time(schedule.next_run_at),
      time(schedule.last_run?.started_at),
      schedule.note,
    ]),
    NO_SCHEDULES,
  );
}

function stateOf({ running, paused, configured_every_seconds: configured }: Schedule): string {
  if (running.length > 0) return 'running';
  if (configured === null) return paused ? 'paused (not configured)' : 'not configured';
  return paused ? 'paused' : 'ok';
}

/** Prints the changed schedule as Temporal stores it. */
export function showSchedule(context: Pick<Context, 'out' | 'json'>, schedule: Schedule): 0 {
  if (context.json) context.out.json(schedule);
  else showSchedules(context, [schedule]);
  return 0;
}
