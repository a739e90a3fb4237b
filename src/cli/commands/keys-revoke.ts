/** `evergrant keys revoke`: revokes an API key. */
import type { Command } from '../command';

export const keysRevoke: Command = {
  words: ['keys', 'revoke'],
  positionals: ['id'],
  summary: 'Revoke an API key; it stops working within 5 seconds',
  async run({ api, out, positionals: [id = ''] }) {
    await api.ask(({ admin }) => admin.keys[':id'].$delete({ param: { id } }));
    out.done({ id, revoked: true }, `Revoked: ${id}`);
    return 0;
  },
};
