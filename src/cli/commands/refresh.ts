import type { Command, Context } from '../command';
import { time } from '../output';

export const refresh: Command = {
  words: ['refresh'],
  places: ['id'],
  summary: 'Refresh an account if it is due, and wait for the outcome',
  run: (context) => refreshAccount(context, false),
};

export const forceRefresh: Command = {
  words: ['force-refresh'],
  places: ['id'],
  summary: 'Refresh an account although it is not due, and wait for the outcome',
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
  // Nothing to do is well; a refusal, or somebody else's claim that did not end, is not.
  return outcome.outcome === 'refreshed' || outcome.outcome === 'skipped' ? 0 : 1;
}
