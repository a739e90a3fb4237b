/** `evergrant validate`: asks the provider whether an account's access token works. */
import type { Command } from '../command';

export const validate: Command = {
  words: ['validate'],
  positionals: ['id'],
  summary: "Ask the provider whether an account's access token works",
  more: 'Exit code 0: the access token works, or was refreshed because it did not work. Exit code 1: all other results.',
  async run({ api, out, positionals: [id = ''] }) {
    const validation = await api.ask(({ admin }) =>
      admin.accounts[':id'].validate.$post({ param: { id } }),
    );
    const { refresh } = validation;
    out.one(validation, [
      ['outcome', validation.outcome],
      ['reason', validation.message ?? validation.reason],
      ['refresh', refresh && `${refresh.outcome}: ${refresh.message ?? refresh.reason}`],
      ['log entry', validation.log_entry_id],
      ['workflow', validation.workflow_id],
    ]);
    return validation.outcome === 'valid' || refresh?.outcome === 'refreshed' ? 0 : 1;
  },
};
