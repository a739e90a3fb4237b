import type { Command } from '../command';

export const keysRevoke: Command = {
  words: ['keys', 'revoke'],
  places: ['id'],
  summary: 'Revoke an API key; it is refused from the next request on',
  async run({ api, out, json, places: [id = ''] }) {
    await api.delete(`/api/admin/keys/${encodeURIComponent(id)}`);
    if (json) out.json({ id, revoked: true });
    else out.line(`Revoked: ${id}`);
    return 0;
  },
};
