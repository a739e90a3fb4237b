import type { z } from 'zod';
import type { AccountBody } from '../../api/schemas';
import { accountPairs } from '../account-pairs';
import type { Command } from '../command';

export const accountsShow: Command = {
  words: ['accounts', 'show'],
  places: ['id'],
  summary: 'One account: its status, its clocks, its last attempt',
  async run({ api, out, json, places: [id = ''] }) {
    const account = await api.get<z.infer<typeof AccountBody>>(
      `/api/admin/accounts/${encodeURIComponent(id)}`,
    );
    if (json) out.json(account);
    else out.pairs(accountPairs(account));
    return 0;
  },
};
