/** `evergrant connect-sessions show`: prints one connect session. */
import type { Command } from '../command';
import { connectSessionPairs } from '../connect-sessions';

export const connectSessionsShow: Command = {
  words: ['connect-sessions', 'show'],
  positionals: ['id'],
  summary: 'Show the status and the last failure of a connect session',
  async run({ api, out, positionals: [id = ''] }) {
    const session = await api.ask(({ admin }) =>
      admin.connect.sessions[':id'].$get({ param: { id } }),
    );
    out.one(session, connectSessionPairs(session));
    return 0;
  },
};
