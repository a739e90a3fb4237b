/** `evergrant connect-sessions revoke`: revokes the link of a connect session. */
import type { Command } from '../command';

export const connectSessionsRevoke: Command = {
  words: ['connect-sessions', 'revoke'],
  positionals: ['id'],
  summary: 'Revoke the link of a connect session',
  async run({ api, out, positionals: [id = ''] }) {
    const session = await api.ask(({ admin }) =>
      admin.connect.sessions[':id'].$delete({ param: { id } }),
    );
    out.done(session, `Revoked: ${id}`);
    return 0;
  },
};
