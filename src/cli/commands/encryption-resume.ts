import type { Command } from '../command';
import { ENCRYPTION_PATH, type Rotation, showRotation } from '../encryption';

export const encryptionResume: Command = {
  words: ['encryption', 'resume'],
  summary: 'Let a paused rotation go on',
  async run({ api, out, json }) {
    return showRotation({ out, json }, await api.post<Rotation>(`${ENCRYPTION_PATH}/resume`));
  },
};
