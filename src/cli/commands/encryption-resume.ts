/** `evergrant encryption resume`: resumes a paused rotation. */
import type { Command } from '../command';
import { showRotation } from '../encryption';

export const encryptionResume: Command = {
  words: ['encryption', 'resume'],
  summary: 'Resume a paused rotation of the encryption key',
  async run({ api, out }) {
    const rotation = await api.ask(({ admin }) => admin.encryption.resume.$post());
    return showRotation(out, rotation);
  },
};
