/** `evergrant encryption rotate`: starts a rotation to another encryption key and follows its progress. */
import { setTimeout as delay } from 'node:timers/promises';
import { rotationLine } from '../../domain/encryption-text';
import type { Command } from '../command';
import { showRotation } from '../encryption';
import { createProgress } from '../progress';

const POLL_EVERY_MS = 1_000;

export const encryptionRotate: Command = {
  words: ['encryption', 'rotate'],
  summary: 'Switch to a new encryption key and re-encrypt all records',
  options: {
    to: {
      type: 'string',
      value: 'key',
      help: 'id of the key (default: the key that was never active)',
    },
    'no-wait': { type: 'boolean', help: 'start the rotation without waiting for its end' },
  },
  more: 'First add the new key at the end of ENCRYPTION_KEYS of every process, and restart the processes.\nAfter Ctrl-C the rotation continues in the worker; run the same command again to follow it.',
  async run({ api, out, options }) {
    const to = options.text('to');
    let rotation = await api.ask(({ admin }) => admin.encryption.rotate.$post({ json: { to } }));
    if (options.isSet('no-wait')) return showRotation(out, rotation);
    const progress = createProgress(process.stderr);
    const { run_id: runId } = rotation;
    while (rotation.status === 'running') {
      await delay(POLL_EVERY_MS);
      rotation = await api.ask(({ admin }) => admin.encryption.rotation.$get());
      progress.show(() => rotationLine(rotation));
    }
    progress.end(`${rotation.status} (rotate-encryption ${runId})`);
    return showRotation(out, rotation);
  },
};
