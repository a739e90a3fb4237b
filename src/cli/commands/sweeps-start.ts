/** `evergrant sweeps start`: starts the sweeps of all providers, or of one, with a key of the scope `internal`. */
import { noneYet } from '../../domain/text/messages';
import type { Command } from '../command';

export const sweepsStart: Command = {
  words: ['sweeps', 'start'],
  optional: 'provider',
  summary: 'Start the sweeps now, of all providers or of one',
  more: 'The API key needs the scope "internal". With "operator", use "schedules trigger".',
  async run({ api, out, positionals: [provider] }) {
    const answer = await api.ask(({ admin }) =>
      admin.internal['refresh-tokens'].$post({ json: { provider } }),
    );
    out.list(
      answer,
      answer.started,
      {
        provider: (one) => one.provider,
        workflow: ({ workflow_id: id }) => id,
        run: ({ run_id: id }) => id,
      },
      noneYet('providers'),
    );
    return 0;
  },
};
