/** `evergrant refresh` and `evergrant force-refresh`: refreshes one account and prints the outcome. */
import type { Command, Context } from '../command';
import { time } from '../output';

/** Reasons to skip an account that needs no refresh. Any other reason means that the account has a problem. */
const NOT_NEEDED = new Set([
  'fresh',
  'does_not_expire',
  'no_refresh_token',
  'not_enabled',
  'superseded',
]);

const MORE =
  'Exit code 0: the account was refreshed or needs no refresh.\nExit code 1: the refresh failed, or was skipped because of a problem: the account must be reconnected, waits after\na failure, or its provider or OAuth app is not available.';

export const refresh: Command = {
  words: ['refresh'],
  positionals: ['id'],
  summary: 'Refresh an account if it is due, and wait for the result',
  more: MORE,
  run: (context) => refreshAccount(context, false),
};

export const forceRefresh: Command = {
  words: ['force-refresh'],
  positionals: ['id'],
  summary: 'Refresh an account even if it is not due, and wait for the result',
  more: MORE,
  run: (context) => refreshAccount(context, true),
};

async function refreshAccount(
  { api, out, positionals: [id = ''] }: Context,
  force: boolean,
): Promise<0 | 1> {
  const outcome = await api.ask(({ admin }) =>
    admin.accounts[':id'].refresh.$post({ param: { id }, json: { force } }),
  );
  out.one(outcome, [
    ['outcome', outcome.outcome],
    ['reason', outcome.message ?? outcome.reason],
    ['token expires', time(outcome.expires_at)],
    ['log entry', outcome.log_entry_id],
    ['workflow', outcome.workflow_id],
  ]);
  const isSuccess =
    outcome.outcome === 'refreshed' ||
    (outcome.outcome === 'skipped' && NOT_NEEDED.has(outcome.reason));
  return isSuccess ? 0 : 1;
}
