/** `evergrant accounts delete`: deletes an account and its tokens for good. */
import type { Command } from '../command';
import { confirm } from '../confirm';

export const accountsDelete: Command = {
  words: ['accounts', 'delete'],
  positionals: ['id'],
  summary: 'Delete an account and its tokens for good, without revoking them at the provider',
  options: {
    yes: { type: 'boolean', short: 'y', help: 'delete without asking for confirmation' },
  },
  more: 'To revoke the tokens, first run "evergrant accounts disconnect". A disconnected account keeps its history.',
  async run({ api, out, options, positionals: [id = ''] }) {
    const question = `Delete ${id}? Its tokens are lost, and still work at the provider until they expire.`;
    if (!options.isSet('yes') && !(await confirm(question))) {
      out.remark('The account was not deleted.');
      return 1;
    }
    await api.ask(({ admin }) => admin.accounts[':id'].$delete({ param: { id } }));
    out.done({ id, deleted: true }, `Deleted: ${id}`);
    return 0;
  },
};
