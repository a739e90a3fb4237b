/** `evergrant schedules list`: lists the schedules of all providers. */
import type { Command } from '../command';
import { NO_SCHEDULES, SCHEDULE_COLUMNS } from '../schedules';

export const schedulesList: Command = {
  words: ['schedules', 'list'],
  summary: 'List the schedules of all providers',
  async run({ api, out }) {
    const page = await api.ask(({ admin }) => admin.schedules.$get());
    out.list(page, page.items, SCHEDULE_COLUMNS, NO_SCHEDULES);
    return 0;
  },
};
