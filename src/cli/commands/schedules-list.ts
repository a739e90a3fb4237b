/** `evergrant schedules list`: lists the schedules of all providers. */
import type { Command } from '../command';
import { showSchedules } from '../schedules';

export const schedulesList: Command = {
  words: ['schedules', 'list'],
  summary: 'List the schedules of all providers',
  async run({ api, out, json }) {
    const page = await api.ask(({ admin }) => admin.schedules.$get());
    if (json) out.json(page);
    else showSchedules({ out }, page.items);
    return 0;
  },
};
