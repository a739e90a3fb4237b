/** `evergrant schedules set`: changes the interval or the note of a schedule. */
import type { Command } from '../command';
import { UsageError } from '../errors';
import { noteOption, scheduleParam, showSchedule } from '../schedules';

export const schedulesSet: Command = {
  words: ['schedules', 'set'],
  positionals: ['id'],
  summary: 'Change the interval or the note of a schedule; restarts keep the change',
  options: {
    every: { type: 'string', value: 'duration', help: 'interval, such as 90s, 5m or 1h' },
    note: noteOption,
  },
  async run({ api, out, options, positionals: [id = ''] }) {
    const change = { every: options.text('every'), note: options.text('note') };
    if (change.every === undefined && change.note === undefined)
      throw new UsageError('--every or --note is required');
    const schedule = await api.ask(({ admin }) =>
      admin.schedules[':schedule_id'].$patch({ param: scheduleParam(id), json: change }),
    );
    return showSchedule(out, schedule);
  },
};
