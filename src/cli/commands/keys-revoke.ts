/** `evergrant keys revoke`: revokes an API key. */
import type { Command } from '../command';

export const keysRevoke: Command = {
  words: ['keys', 'revoke'],
  places: ['id'],
  summary: 'Revoke an API key; it is refused within 5 seconds',
  async run({ api, out, json, places: [id = ''] }) {
    await api.ask(({ admin }) => admin.keys[':id'].$delete({ param: { id } }));
    if (json) out.json({ id, revoked: true });
    else out.line(`Revoked: ${id}`);
    return 0;
  },
};
