/** `evergrant refresh` and `evergrant force-refresh`: refreshes one account and prints the outcome. */
import type { Command, Context } from '../command';
import { time } from '../output';

/** Reasons to skip an account that needs no refresh. All other reasons mean that the account has a problem. */
const NOTHING_TO_DO = new Set([
  'fresh',
  'does_not_expire',
  'no_refresh_token',
  'not_enabled',
  'superseded',
]);

const MORE =
  'Ends with 0 where the account was refreshed or needs no refresh; otherwise with 1, also where it was skipped because it must be reconnected, waits after a failure, or its OAuth app or provider does not serve.';

export const refresh: Command = {
  words: ['refresh'],
  places: ['id'],
  summary: 'Refresh an account if it is due, and wait for the outcome',
  more: MORE,
  run: (context) => refreshAccount(context, false),
};

export const forceRefresh: Command = {
  words: ['force-refresh'],
  places: ['id'],
  summary: 'Refresh an account although it is not due, and wait for the outcome',
  more: MORE,
  run: (context) => refreshAccount(context, true),
};

async function refreshAccount(
  { api, out, json, places: [id = ''] }: Context,
  force: boolean,
): Promise<0 | 1> {
  const outcome = await api.ask(({ admin }) =>
    admin.accounts[':id'].refresh.$post({ param: { id }, json: { force } }),
  );
  if (json) out.json(outcome);
  else {
    out.pairs([
      ['outcome', outcome.outcome],
      ['reason', outcome.message ?? outcome.reason],
      ['token ends', time(outcome.expires_at)],
      ['log entry', outcome.log_entry_id],
      ['workflow', outcome.workflow_id],
    ]);
  }
  const isWell =
    outcome.outcome === 'refreshed' ||
    (outcome.outcome === 'skipped' && NOTHING_TO_DO.has(outcome.reason));
  return isWell ? 0 : 1;
}
