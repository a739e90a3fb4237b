/** `evergrant encryption pause`: pauses the rotation of the encryption key. */
import type { Command } from '../command';
import { showRotation } from '../encryption';
import { noteOption } from '../schedules';

export const encryptionPause: Command = {
  words: ['encryption', 'pause'],
  summary: 'Pause the rotation of the encryption key; the current page of records is finished',
  options: { note: noteOption },
  async run({ api, out, options }) {
    const note = options.text('note');
    const rotation = await api.ask(({ admin }) => admin.encryption.pause.$post({ json: { note } }));
    return showRotation(out, rotation);
  },
};
