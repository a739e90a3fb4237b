/** `evergrant schedules trigger`: starts the sweep of a provider now. */
import type { Command } from '../command';
import { noteOption, scheduleParam, showSchedule } from '../schedules';

export const schedulesTrigger: Command = {
  words: ['schedules', 'trigger'],
  positionals: ['id'],
  summary: 'Run the sweep of a schedule now, even if the schedule is paused',
  options: { note: noteOption },
  async run({ api, out, options, positionals: [id = ''] }) {
    const note = options.text('note');
    const schedule = await api.ask(({ admin }) =>
      admin.schedules[':schedule_id'].trigger.$post({ param: scheduleParam(id), json: { note } }),
    );
    return showSchedule(out, schedule);
  },
};
