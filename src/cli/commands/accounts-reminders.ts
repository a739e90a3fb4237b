/** `evergrant accounts reminders`: stops the reminders to the owner of an account, or allows them again. */
import type { Command } from '../command';
import { UsageError } from '../errors';

export const accountsReminders: Command = {
  words: ['accounts', 'reminders'],
  positionals: ['id'],
  summary: 'Stop the reminders to the owner of an account, or allow them again',
  options: {
    on: { type: 'boolean', help: 'the owner gets reminders again, also after unsubscribing' },
    off: { type: 'boolean', help: 'the owner gets no reminders' },
  },
  more: 'Applies to all accounts of the address in your organisation. Allow them only if the owner asks for it.',
  async run({ api, out, options, positionals: [id = ''] }) {
    const isOn = options.isSet('on');
    if (isOn === options.isSet('off')) throw new UsageError('either --on or --off is required');
    const account = await api.ask(({ admin }) =>
      admin.accounts[':id'].$patch({ param: { id }, json: { owner_reminders: isOn } }),
    );
    out.done(
      account,
      isOn
        ? `Reminders go to ${account.owner_email} again.`
        : `Reminders to ${account.owner_email} are stopped.`,
    );
    return 0;
  },
};
