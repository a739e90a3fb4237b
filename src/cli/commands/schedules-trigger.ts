/** `evergrant schedules trigger`: starts the sweep of a provider at once. */
import type { Command } from '../command';
import { noteOption, scheduleParam, showSchedule } from '../schedules';

export const schedulesTrigger: Command = {
  words: ['schedules', 'trigger'],
  places: ['id'],
  summary: 'Run the sweep of a schedule at once, paused or not',
  options: { note: noteOption },
  async run({ api, out, json, options, places: [id = ''] }) {
    const note = options.text('note');
    const schedule = await api.ask(({ admin }) =>
      admin.schedules[':schedule_id'].trigger.$post({ param: scheduleParam(id), json: { note } }),
    );
    return showSchedule({ out, json }, schedule);
  },
};
