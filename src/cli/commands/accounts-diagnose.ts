/** `evergrant accounts diagnose`: compares the last debug attempt with the last scheduled attempt, without a refresh. */
import type { Command } from '../command';
import { time } from '../output';

export const accountsDiagnose: Command = {
  words: ['accounts', 'diagnose'],
  positionals: ['id'],
  summary: 'Compare the refresh tokens of the last debug attempt and the last scheduled attempt',
  async run({ api, out, positionals: [id = ''] }) {
    const found = await api.ask(({ admin }) =>
      admin.accounts[':id'].diagnostics.$get({ param: { id } }),
    );
    const { last_debug: debug, last_scheduled: scheduled, comparison } = found;
    out.one(found, [
      ['account', found.account_id],
      ['last debug attempt', debug && `${time(debug.created_at) ?? ''} ${debug.message}`],
      [
        'last scheduled attempt',
        scheduled && `${time(scheduled.created_at) ?? ''} ${scheduled.message}`,
      ],
      ['same token', comparison.same_token === null ? null : `${comparison.same_token}`],
      ['comparison', comparison.message],
    ]);
    return 0;
  },
};
