import type { Command } from '../command';
import { ENCRYPTION_PATH, type Rotation, showRotation } from '../encryption';
import { noteOption } from '../schedules';

export const encryptionPause: Command = {
  words: ['encryption', 'pause'],
  summary: 'Pause the rotation of the encryption key before its next page of records',
  options: { note: noteOption },
  async run({ api, out, json, options }) {
    const note = options.text('note');
    return showRotation(
      { out, json },
      await api.post<Rotation>(`${ENCRYPTION_PATH}/pause`, { note }),
    );
  },
};
