/** `evergrant schedules delete`: deletes the schedule of a provider that is no longer configured. */
import type { Command } from '../command';
import { scheduleParam } from '../schedules';

export const schedulesDelete: Command = {
  words: ['schedules', 'delete'],
  positionals: ['id'],
  summary: 'Delete the schedule of a provider that is no longer configured',
  async run({ api, out, positionals: [id = ''] }) {
    const param = scheduleParam(id);
    await api.ask(({ admin }) => admin.schedules[':schedule_id'].$delete({ param }));
    out.done({ id: param.schedule_id, deleted: true }, `Deleted: ${param.schedule_id}`);
    return 0;
  },
};
