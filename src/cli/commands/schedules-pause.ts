/** `evergrant schedules pause`: pauses the schedule of a provider. */
import type { Command } from '../command';
import { noteOption, scheduleParam, showSchedule } from '../schedules';

export const schedulesPause: Command = {
  words: ['schedules', 'pause'],
  places: ['id'],
  summary: 'Pause a schedule until it is resumed, over restarts',
  options: { note: noteOption },
  async run({ api, out, json, options, places: [id = ''] }) {
    const note = options.text('note');
    const schedule = await api.ask(({ admin }) =>
      admin.schedules[':schedule_id'].pause.$post({ param: scheduleParam(id), json: { note } }),
    );
    return showSchedule({ out, json }, schedule);
  },
};
