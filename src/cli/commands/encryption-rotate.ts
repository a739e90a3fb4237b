/** `evergrant encryption rotate`: starts a rotation to another encryption key and follows its progress. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from '../command';
import { rotationLine, showRotation } from '../encryption';
import { createProgress } from '../progress';

const LOOK_EVERY_MS = 1_000;

export const encryptionRotate: Command = {
  words: ['encryption', 'rotate'],
  summary: 'Let a new encryption key seal, and re-seal every record with it',
  options: {
    to: { type: 'string', value: 'key', help: 'its id; the one that has never sealed if left out' },
    'no-wait': { type: 'boolean', help: 'begin, and do not wait until it is done' },
  },
  more: 'First put the new key at the end of ENCRYPTION_KEYS of every process, and restart them.\nEnded with Ctrl-C, the rotation goes on; the same command looks at it again.',
  async run({ api, out, json, options }) {
    const to = options.text('to');
    let rotation = await api.ask(({ admin }) => admin.encryption.rotate.$post({ json: { to } }));
    if (options.isSet('no-wait')) return showRotation({ out, json }, rotation);
    const progress = createProgress(process.stderr);
    const { run_id: begun } = rotation;
    while (rotation.status === 'running') {
      await delay(LOOK_EVERY_MS);
      rotation = await api.ask(({ admin }) => admin.encryption.rotation.$get());
      progress.show(() => rotationLine(rotation));
    }
    progress.end(`${rotation.status} (rotate-encryption ${begun})`);
    return showRotation({ out, json }, rotation);
  },
};
