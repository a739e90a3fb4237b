/** `evergrant schedules resume`: resumes the schedule of a provider. */
import type { Command } from '../command';
import { noteOption, scheduleParam, showSchedule } from '../schedules';

export const schedulesResume: Command = {
  words: ['schedules', 'resume'],
  positionals: ['id'],
  summary: 'Resume a paused schedule',
  options: { note: noteOption },
  async run({ api, out, options, positionals: [id = ''] }) {
    const note = options.text('note');
    const schedule = await api.ask(({ admin }) =>
      admin.schedules[':schedule_id'].resume.$post({ param: scheduleParam(id), json: { note } }),
    );
    return showSchedule(out, schedule);
  },
};
