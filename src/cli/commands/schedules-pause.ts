/** `evergrant schedules pause`: pauses the schedule of a provider. */
import type { Command } from '../command';
import { noteOption, scheduleParam, showSchedule } from '../schedules';

export const schedulesPause: Command = {
  words: ['schedules', 'pause'],
  positionals: ['id'],
  summary: 'Pause a schedule until it is resumed; restarts do not resume it',
  options: { note: noteOption },
  async run({ api, out, options, positionals: [id = ''] }) {
    const note = options.text('note');
    const schedule = await api.ask(({ admin }) =>
      admin.schedules[':schedule_id'].pause.$post({ param: scheduleParam(id), json: { note } }),
    );
    return showSchedule(out, schedule);
  },
};
