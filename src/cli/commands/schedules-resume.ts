import type { Command } from '../command';
import { noteOption, type Schedule, schedulePath, showSchedule } from '../schedules';

export const schedulesResume: Command = {
  words: ['schedules', 'resume'],
  places: ['id'],
  summary: 'Resume a paused schedule',
  options: { note: noteOption },
  async run({ api, out, json, options, places: [id = ''] }) {
    const note = options.text('note');
    const schedule = await api.post<Schedule>(`${schedulePath(id)}/resume`, { note });
    return showSchedule({ out, json }, schedule);
  },
};
