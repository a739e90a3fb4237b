/** `evergrant logout`: deletes the stored address and key. */
import type { Command } from '../command';
import { credentialsPath, deleteCredentials } from '../credentials';

export const logout: Command = {
  words: ['logout'],
  summary: 'Delete the stored address and key; the key stays valid',
  more: 'To make the key useless, run "evergrant keys revoke".',
  async runLocally({ out }) {
    const file = credentialsPath(process.env);
    const deleted = deleteCredentials(process.env);
    out.done({ file, deleted }, deleted ? `Deleted: ${file}` : 'No key is stored.');
    return 0;
  },
};
