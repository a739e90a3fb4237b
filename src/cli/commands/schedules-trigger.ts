import type { Command } from '../command';
import { noteOption, type Schedule, schedulePath, showSchedule } from '../schedules';

export const schedulesTrigger: Command = {
  words: ['schedules', 'trigger'],
  places: ['id'],
  summary: 'Run the sweep of a schedule at once, paused or not',
  options: { note: noteOption },
  async run({ api, out, json, options, places: [id = ''] }) {
    const note = options.text('note');
    const schedule = await api.post<Schedule>(`${schedulePath(id)}/trigger`, { note });
    return showSchedule({ out, json }, schedule);
  },
};
