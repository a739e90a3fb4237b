/** Options, ids and tables that the commands for schedules share. */
import type { z } from 'zod';
import type { ScheduleBody } from '../api/routes/schedules/schedule-body';
import { noneYet } from '../domain/text/messages';
import type { Option } from './command';
import { type Columns, lasting, type Output, time } from './output';

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

export const SCHEDULE_COLUMNS: Columns<Schedule> = {
  id: ({ id }) => id,
  every: ({ every_seconds: every }) => (every === null ? 'other' : lasting(every * 1000)),
  state: stateOf,
  'next run': ({ next_run_at: at }) => time(at),
  'last run': ({ last_run: last }) => time(last?.started_at),
  note: ({ note }) => note,
};

function stateOf({ running, paused, configured_every_seconds: configured }: Schedule): string {
  if (running.length > 0) return 'running';
  if (configured === null) return paused ? 'paused (not configured)' : 'not configured';
  return paused ? 'paused' : 'ok';
}

/** Prints the changed schedule as Temporal stores it. */
export function showSchedule(out: Output, schedule: Schedule): 0 {
  out.list(schedule, [schedule], SCHEDULE_COLUMNS, NO_SCHEDULES);
  return 0;
}
