import type { Command } from '../command';
import type { Page } from '../pages';
import { type Schedule, showSchedules } from '../schedules';

export const schedulesList: Command = {
  words: ['schedules', 'list'],
  summary: "The providers' schedules as Temporal holds them",
  async run({ api, out, json }) {
    const page = await api.get<Page<Schedule>>('/api/admin/schedules');
    if (json) out.json(page);
    else showSchedules({ out }, page.items);
    return 0;
  },
};
